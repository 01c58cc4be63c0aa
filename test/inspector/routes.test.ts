import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import vm from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AnyStateMachine } from 'xstate';
import { backendHealthMachine } from '../../machines/backend-health.machine.ts';
import { budgetReconcilerMachine } from '../../machines/budget-reconciler.machine.ts';
import { monthClockMachine } from '../../machines/month-clock.machine.ts';
import { nexusMachine } from '../../machines/nexus.machine.ts';
import { schedulerReconcilerMachine } from '../../machines/scheduler-reconciler.machine.ts';
import { createInspectorApp } from '../../src/dashboard/inspector-routes.ts';

const FILES = '/inspector/files';
const ENTRY = `${FILES}/src/dashboard/public/inspector/inspector.js`;
const MACHINES: Readonly<Record<string, AnyStateMachine>> = {
  backendHealthMachine,
  budgetReconcilerMachine,
  monthClockMachine,
  nexusMachine,
  schedulerReconcilerMachine,
};

let server: Server;
let url: string;

beforeAll(async () => {
  server = createInspectorApp('1.2.3').listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** Every module that the page loads, parsed by the engine, by its path. */
async function loadedModules(): Promise<ReadonlyMap<string, vm.SourceTextModule>> {
  const modules = new Map<string, vm.SourceTextModule>();
  const waiting = [ENTRY];
  for (let route = waiting.pop(); route !== undefined; route = waiting.pop()) {
    if (modules.has(route)) continue;
    const response = await fetch(url + route);
    expect(`${response.status} ${response.headers.get('content-type')} ${route}`).toBe(
      `200 text/javascript; charset=utf-8 ${route}`,
    );
    const module = new vm.SourceTextModule(await response.text(), { identifier: route });
    modules.set(route, module);
    for (const { specifier } of module.moduleRequests)
      waiting.push(new URL(specifier, url + route).pathname);
  }
  return modules;
}

describe('the page', () => {
  it('is served under a strict policy, with nothing inline and nothing from elsewhere', async () => {
    const response = await fetch(`${url}/inspector`);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'; script-src 'self'");
    expect(policy).not.toContain('unsafe');
    expect(policy).not.toContain('http');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const page = await response.text();
    expect(page).not.toMatch(/<style|style="|<script(?![^>]*src=)|\son[a-z]+="|https?:\/\//);
    const asked = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(asked.length).toBeGreaterThan(3);
    for (const route of asked.filter((name) => name !== '/'))
      expect(`${(await fetch(url + route)).status} ${route}`).toBe(`200 ${route}`);
  });

  it('names every part that its modules look for', async () => {
    const page = await (await fetch(`${url}/inspector`)).text();
    const code = (await Promise.all(['inspector', 'controls'].map(textOf))).join('\n');
    const ids = new Set([...code.matchAll(/byId\('([^']+)'\)/g)].map((match) => match[1]));
    expect(ids.size).toBeGreaterThan(20);
    for (const id of ids) expect(page).toContain(`id="${id}"`);
  });

  it('says whether a gateway is behind it', async () => {
    expect(await (await fetch(`${url}/inspector/setup`)).json()).toEqual({
      version: '1.2.3',
      live: false,
    });
    expect((await fetch(`${url}/inspector/events`)).status).toBe(404);
  });

  it('is where the address of the server leads', async () => {
    const response = await fetch(url);
    expect(response.url).toBe(`${url}/inspector`);
  });
});

async function textOf(name: string): Promise<string> {
  const route = `${FILES}/src/dashboard/public/inspector/${name}.js`;
  return await (await fetch(url + route)).text();
}

describe('the modules of the page', () => {
  it('all parse, and import only what is served, each under one address', async () => {
    const modules = await loadedModules();
    expect(modules.size).toBeGreaterThan(40);
    for (const route of modules.keys()) {
      expect(route).toMatch(/^\/inspector\/files\/.*\.js$/);
      const policy = (await fetch(url + route)).headers.get('content-security-policy');
      expect(policy).toContain("default-src 'none'");
    }
    expect(modules.has(`${FILES}/machines/budget-reconciler.machine.js`)).toBe(true);
    expect(modules.has(`${FILES}/src/control/start-control-plane.js`)).toBe(true);
    expect(modules.has(`${FILES}/src/routing/router.js`)).toBe(true);
  });

  it('hold the charts of the gateway, guard by guard', async () => {
    const modules = await loadedModules();
    const charts = [...modules].filter(([route]) => route.includes('/machines/'));
    expect(charts).toHaveLength(Object.keys(MACHINES).length);
    for (const [, chart] of charts) {
      await chart.link((specifier, { identifier }) => {
        const module = modules.get(new URL(specifier, url + identifier).pathname);
        if (module === undefined) throw new Error(`${specifier} is not served`);
        return module;
      });
      await chart.evaluate();
      const exported = chart.namespace as Readonly<Record<string, AnyStateMachine>>;
      const [name = '', served] =
        Object.entries(exported).find(([key]) => key.endsWith('Machine')) ?? [];
      const own = MACHINES[name];
      expect(JSON.stringify(served?.config)).toBe(JSON.stringify(own?.config));
      const guards = Object.entries(served?.implementations.guards ?? {});
      for (const [guard, code] of guards)
        expect(squeezed(code)).toBe(squeezed(own?.implementations.guards[guard]));
    }
  });

  it('write text, never markup, and ask no other origin', async () => {
    const modules = await loadedModules();
    const own = [...modules.keys()].filter((route) => route.includes('/public/'));
    for (const route of own) {
      const code = await (await fetch(url + route)).text();
      expect(code).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\seval\(/);
      expect(code.replaceAll("'http://www.w3.org/2000/svg'", '')).not.toMatch(/https?:\/\//);
      expect(code.split('\n').length).toBeLessThan(400);
    }
  });
});

/** A guard without the types, spaces and commas that only its sources have. */
function squeezed(code: unknown): string {
  return String(code).replaceAll(/[\s,]/g, '');
}

describe('what is not of the page', () => {
  it.each([
    '/package.json',
    '/src/main.js',
    '/src/cli/main.js',
    '/src/config/secrets.js',
    '/src/core/money.ts',
    '/src/core',
    '/..%2f..%2fpackage.json',
    '/src/core/../../package.json',
    '/src/core/%2e%2e/%2e%2e/package.json',
    '/xstate/../package.json',
    '/xstate/xstate.development.esm.js',
    '/__proto__',
  ])('is not served: %s', async (route) => {
    expect((await fetch(`${url}${FILES}${route}`)).status).toBe(404);
  });
});
