import { globSync, readFileSync } from 'node:fs';
import { transformSync } from '@swc/core';

const typescript = {
  target: 'esnext',
  parser: { syntax: 'typescript' },
  experimental: { keepImportAttributes: true },
};

const sources = globSync('{src,machines}/**/*.ts', { cwd: import.meta.dirname });

/** Files of nothing but types: no run loads them, so coverage would count them as never covered. */
const typesOnly = sources.filter((file) => {
  const source = readFileSync(`${import.meta.dirname}/${file}`, 'utf8');
  const { code } = transformSync(source, { swcrc: false, jsc: typescript, minify: true });
  return code === '' || code === 'export{};';
});

/** Rooms where every branch is shown by a test. A room counts from its first code on. */
const coverageThreshold = Object.fromEntries(
  ['machines', 'src/core', 'src/routing', 'src/ledger']
    .filter((room) =>
      sources.some((file) => file.startsWith(`${room}/`) && !typesOnly.includes(file)),
    )
    .map((room) => [`./${room}/`, { branches: 100 }]),
);

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        jsc: typescript,
        module: { type: 'es6' },
      },
    ],
  },
  testTimeout: 120_000,
  maxWorkers: 2,
  randomize: true,
  restoreMocks: true,
  errorOnDeprecated: true,
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  coverageProvider: 'v8',
  coverageDirectory: 'coverage',
  coverageReporters: ['text', 'lcov'],
  collectCoverageFrom: ['src/**/*.ts', 'machines/**/*.ts', ...typesOnly.map((file) => `!${file}`)],
  coverageThreshold,
};
