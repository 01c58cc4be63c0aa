import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  importsOf,
  resolveImport,
  ROOT,
  sourceFiles,
  type SourceFile,
} from './support/source-files.ts';

/**
 * The ladder: each room and what it may import besides itself. Imports go down only, never sideways; rooms that need
 * each other meet in `src/main.ts`, through the interfaces of `src/core`.
 */
const LADDER: Readonly<Record<string, readonly string[]>> = {
  machines: [],
  'src/core': [],
  // The schema lies with the files that it describes.
  'src/config': ['src/core', 'config'],
  'src/routing': ['src/core'],
  'src/ledger': ['src/core'],
  'src/metering': ['src/core'],
  'src/upstream': ['src/core'],
  'src/telemetry': ['src/core'],
  'src/control': ['src/core', 'machines'],
  'src/dashboard': ['src/core'],
  'src/http': ['src/core', 'src/routing'],
  // The primary of several workers, and the composition root of a worker: the data plane of a gateway, without the
  // rooms of which there must be one only.
  'src/fleet': [
    'src/core',
    'src/routing',
    'src/metering',
    'src/upstream',
    'src/control',
    'src/http',
  ],
  // The half of the composition root that knows which doors there are; of the specialists it knows the types.
  'src/doors.ts': [
    'src/core',
    'src/routing',
    'src/ledger',
    'src/metering',
    'src/telemetry',
    'src/control',
    'src/dashboard',
    'src/http',
    'src/fleet',
  ],
  'src/main.ts': [
    'src/core',
    'src/config',
    'src/routing',
    'src/ledger',
    'src/metering',
    'src/upstream',
    'src/telemetry',
    'src/control',
    'src/dashboard',
    'src/http',
    'src/fleet',
    'src/doors.ts',
    'machines',
  ],
  // A second composition root: the rooms of a gateway without its doors.
  'src/simulation': [
    'src/core',
    'src/routing',
    'src/ledger',
    'src/metering',
    'src/telemetry',
    'src/control',
    'src/http',
    'machines',
  ],
  // A third one: prices without a gateway.
  'src/prices.ts': ['src/core', 'src/ledger', 'src/metering'],
  'src/cli': ['src/core', 'src/config', 'src/main.ts', 'src/prices.ts', 'src/simulation'],
};

/** Every package in use and the rooms that may know it; `(types)` marks a room that may import its types only. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  xstate: ['machines', 'src/control', 'src/telemetry (types)'],
  express: ['src/http', 'src/dashboard'],
  'http-proxy-middleware': ['src/upstream'],
  'eventsource-parser': ['src/upstream'],
  '@iarna/toml': ['src/config'],
  ajv: ['src/config'],
  'node:sqlite': ['src/ledger'],
  'gpt-tokenizer': ['src/metering'],
  '@pydantic/genai-prices': ['src/metering'],
  'prom-client': ['src/telemetry'],
  winston: ['src/telemetry'],
  '@statelyai/inspect': ['src/telemetry'],
  // Comes with the package above; the bridge has a server of its own, bound to this machine only.
  ws: ['src/telemetry'],
};

const MAX_LINES = 400;

const production = sourceFiles('src/**/*.ts', 'machines/**/*.ts');
const scripts = sourceFiles('scripts/**/*.ts');

/** `src/config/schema.ts` is in `src/config`, `machines/nexus.machine.ts` in `machines`. */
function roomOf(file: string): string {
  const parts = file.split('/');
  return parts[0] === 'src' ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function linesWith(
  pattern: RegExp,
  files: readonly SourceFile[],
  instead: string,
): readonly string[] {
  return files.filter(({ code }) => pattern.test(code)).map(({ file }) => `${file}: ${instead}`);
}

function except(files: readonly SourceFile[], ...rooms: readonly string[]): readonly SourceFile[] {
  return files.filter(({ file }) => !rooms.includes(roomOf(file)));
}

describe('the ladder', () => {
  it('knows every room', () => {
    const faults = production
      .filter(({ file }) => !Object.hasOwn(LADDER, roomOf(file)))
      .map(
        ({ file }) =>
          `${file}: its room is not in the ladder; move it into one that is, or add the room with its arrows`,
      );

    expect(faults).toEqual([]);
  });

  it('lets imports go down only, never sideways', () => {
    const faults = production.flatMap(({ file, code }) => {
      const room = roomOf(file);
      return importsOf(code).flatMap(({ specifier }) => {
        const target = resolveImport(file, specifier);
        if (target === null) return [];
        const targetRoom = roomOf(target);
        const isWithin = targetRoom === room && room !== 'machines';
        if (isWithin || LADDER[room]?.includes(targetRoom)) return [];
        return [
          `${file} imports ${specifier}: ${room} may import ${LADDER[room]?.join(', ') || 'nothing'} only; declare an interface in src/core and let src/main.ts hand the thing in`,
        ];
      });
    });

    expect(faults).toEqual([]);
  });

  it('keeps each package in its room', () => {
    const faults = production.flatMap(({ file, code }) => {
      const room = roomOf(file);
      return importsOf(code).flatMap(({ specifier, isType }) => {
        const name = packageOf(specifier);
        const isBuiltIn = name.startsWith('node:') && !Object.hasOwn(PACKAGES, name);
        if (specifier.startsWith('.') || (isBuiltIn && room !== 'machines')) return [];
        const rooms = PACKAGES[name] ?? [];
        if (rooms.includes(room) || (isType && rooms.includes(`${room} (types)`))) return [];
        return [
          `${file} imports ${specifier}: only ${rooms.join(', ') || 'rooms named in this test'} may; put what needs it there, behind a port of src/core`,
        ];
      });
    });

    expect(faults).toEqual([]);
  });

  it('knows the room of every dependency', () => {
    const declared: unknown = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
    const faults = Object.keys((declared as { dependencies: object }).dependencies)
      .filter((name) => !Object.hasOwn(PACKAGES, name))
      .map(
        (name) =>
          `${name}: has no room; name it in this test, with a reason in the commit, or do without`,
      );

    expect(faults).toEqual([]);
  });
});

describe('the house rules', () => {
  it('reads the environment in src/config only', () => {
    const pattern = /\bprocess\s*(\.|\[\s*['"])\s*env\b|\benv\b[^;]*from 'node:process'/;
    const faults = linesWith(
      pattern,
      except(production, 'src/config'),
      'reads the environment; take it as an argument, src/config reads it once',
    );

    expect(faults).toEqual([]);
  });

  it('keeps time and chance out of charts and of the router', () => {
    const pure = production.filter(({ file }) =>
      ['machines', 'src/routing'].includes(roomOf(file)),
    );
    const pattern = /\bDate\.now\b|\bnew Date\b|\bMath\.random\b|\bperformance\.now\b/;

    expect(
      linesWith(
        pattern,
        pure,
        'reads a clock or draws lots; let an event or an argument bring the value',
      ),
    ).toEqual([]);
  });

  it('speaks to the console in src/cli and scripts only', () => {
    const faults = linesWith(
      /\bconsole\.\w/,
      except(production, 'src/cli'),
      'writes to the console; use the Log port',
    );

    expect(faults).toEqual([]);
  });

  it('exports by name', () => {
    const pattern = /^\s*export\s+default\b|\bas\s+default\b/m;

    expect(
      linesWith(pattern, [...production, ...scripts], 'has a default export; export it by name'),
    ).toEqual([]);
  });

  it('does not switch the type checker off', () => {
    const files = [...production, ...scripts, ...sourceFiles('test/**/*.ts')];
    const faults = files
      .filter(({ file }) => file !== 'test/architecture.test.ts')
      .filter(
        ({ code, text }) =>
          /\bas any\b/.test(code) || /@ts-(ignore|nocheck|expect-error)/.test(text),
      )
      .map(({ file }) => `${file}: hides a type; use unknown and check it where it is read`);

    expect(faults).toEqual([]);
  });

  it('finishes what it begins', () => {
    const faults = [...production, ...scripts]
      .filter(({ text }) => /\b(TODO|FIXME|XXX)\b/.test(text))
      .map(({ file }) => `${file}: leaves a note for later; do it, or write an issue`);

    expect(faults).toEqual([]);
  });

  it(`keeps files within ${MAX_LINES} lines`, () => {
    const faults = [...production, ...scripts]
      .map(({ file, text }) => ({ file, lines: text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > MAX_LINES)
      .map(({ file, lines }) => `${file}: has ${lines} lines; split it by idea, not by size`);

    expect(faults).toEqual([]);
  });

  it('has no file that only hands on exports of others', () => {
    const faults = production
      .filter(
        ({ code }) =>
          code.trim() !== '' &&
          code
            .trim()
            .split('\n')
            .every((line) => /^export\b.*\bfrom\b/.test(line.trim())),
      )
      .map(({ file }) => `${file}: is a barrel; import from the file that has the thing`);

    expect(faults).toEqual([]);
  });
});

describe('the README', () => {
  const readme = path.join(ROOT, 'README.md');
  const text = existsSync(readme) ? readFileSync(readme, 'utf8') : '';

  it('names only paths that exist', () => {
    const linked = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(
      ([, name = '']) => name,
    );
    const quoted = [
      ...text.matchAll(/`((?:src|machines|config|scripts|test|bench)\/[\w./*-]*)`/g),
    ].map(([, name = '']) => name);
    const faults = [...new Set([...linked, ...quoted])]
      .filter((name) => !name.includes('*') && !existsSync(path.join(ROOT, name)))
      .map(
        (name) => `README.md names ${name}, which does not exist; mend the name or leave it out`,
      );

    expect(faults).toEqual([]);
  });
});

describe('the reader of imports', () => {
  it('sees static, type-only, side-effect and dynamic imports, re-exports and worker files', () => {
    const code = [
      "import { a,\n  b } from './one.ts';",
      "import type { C } from 'two';",
      "import './three.ts';",
      "const four = await import('./four.ts');",
      "export { five } from './five.ts';",
      "new Worker(new URL('./six.ts', import.meta.url));",
    ].join('\n');

    expect(importsOf(code)).toEqual([
      { specifier: './one.ts', isType: false },
      { specifier: 'two', isType: true },
      { specifier: './five.ts', isType: false },
      { specifier: './three.ts', isType: false },
      { specifier: './four.ts', isType: false },
      { specifier: './six.ts', isType: false },
    ]);
  });
});
