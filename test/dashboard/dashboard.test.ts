import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import express, { type RequestHandler } from 'express';
import { dashboardView, type DashboardInput } from '../../src/dashboard/dashboard-view.ts';
import { createDashboard, type Dashboard } from '../../src/dashboard/routes.ts';
import type { ControlEvent } from '../../src/core/control.ts';
import { aRefusal, aRequestEnded, someTotals } from '../support/facts.ts';
import { HandClock } from '../support/hand-clock.ts';
import { aPolicy } from '../support/policies.ts';
import { recordingLog } from '../support/recording-log.ts';

const NOW = Date.parse('2026-11-10T12:00:00Z');

/** A frame of a gateway in which nothing happens. */
function viewWith(facts: Partial<DashboardInput>): ReturnType<typeof dashboardView> {
  return dashboardView({
    version: '1.2.3',
    nowMs: NOW,
    policy: aPolicy(),
    inspector: true,
    stats: {},
    month: {},
    tiers: { exact: 1, approximation: 2, heuristic: 3 },
    inFlight: { total: 0, oldest: [] },
    recent: [],
    events: [],
    ...facts,
  });
}

function viewOf(requests: number): ReturnType<typeof dashboardView> {
  return viewWith({ stats: { requests: { total: requests } } });
}

let requests: number;
let isBroken: boolean;
let listeners: Set<() => void>;
let clock: HandClock;
let log: ReturnType<typeof recordingLog>;
let dashboard: Dashboard;
let server: Server;
let url: string;
let guard: RequestHandler;

beforeEach(async () => {
  requests = 0;
  isBroken = false;
  listeners = new Set();
  clock = new HandClock();
  log = recordingLog();
  guard = (_request, _response, next) => next();
  dashboard = createDashboard({
    view() {
      if (isBroken) throw new Error('no view');
      return viewOf(requests);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    clock,
    log,
    guard: (...all) => guard(...all),
  });
  server = express().use(dashboard.router).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  dashboard.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** Frames of an open stream, one at a time. */
async function openStream() {
  const leave = new AbortController();
  const response = await fetch(`${url}/dashboard/events`, { signal: leave.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  const nextTotal = async (): Promise<number | null> => {
    while (!rest.includes('\n\n')) {
      const piece = await reader?.read();
      if (piece === undefined || piece.done) return null;
      rest += piece.value;
    }
    const [frame = '', ...others] = rest.split('\n\n');
    rest = others.join('\n\n');
    expect(frame).toMatch(/^event: view\ndata: \{/);
    const view = JSON.parse(frame.slice(frame.indexOf('{'))) as {
      stats: { requests: { total: number } };
    };
    return view.stats.requests.total;
  };
  return { response, nextTotal, leave: () => leave.abort() };
}

describe('the page', () => {
  it.each([
    ['/', 'text/html; charset=utf-8'],
    ['/dashboard.js', 'text/javascript; charset=utf-8'],
    ['/dashboard-feed.js', 'text/javascript; charset=utf-8'],
    ['/dashboard-elements.js', 'text/javascript; charset=utf-8'],
    ['/dashboard-sections.js', 'text/javascript; charset=utf-8'],
    ['/dashboard-budget.js', 'text/javascript; charset=utf-8'],
    ['/dashboard-statechart.js', 'text/javascript; charset=utf-8'],
    ['/dashboard-month.js', 'text/javascript; charset=utf-8'],
    ['/dashboard-days.js', 'text/javascript; charset=utf-8'],
    ['/dashboard-axis.js', 'text/javascript; charset=utf-8'],
    ['/dashboard.css', 'text/css; charset=utf-8'],
    ['/dashboard-pictures.css', 'text/css; charset=utf-8'],
    ['/dashboard.svg', 'image/svg+xml'],
  ])('serves %s as %s under a strict policy', async (route, type) => {
    const response = await fetch(url + route);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(type);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
  });

  /** The page and everything that it loads, however deep. */
  async function everyPart(): Promise<ReadonlyMap<string, string>> {
    const parts = new Map<string, string>();
    const waiting = ['/'];
    for (let route = waiting.pop(); route !== undefined; route = waiting.pop()) {
      if (parts.has(route)) continue;
      const response = await fetch(url + route);
      expect([route, response.status]).toEqual([route, 200]);
      const text = await response.text();
      parts.set(route, text);
      const asked = [...text.matchAll(/(?:src="|<link[^>]* href="|from '\.)(\/[^"']+)/g)];
      waiting.push(...asked.map((match) => match[1] ?? ''));
    }
    return parts;
  }

  it('asks nobody else and has nothing inline', async () => {
    const parts = await everyPart();
    expect(parts.size).toBeGreaterThan(10);
    for (const [route, text] of parts) {
      expect([route, text.split('\n').length < 400]).toEqual([route, true]);
      // The one address is the name of the format of drawings, which nobody asks for.
      const others = text.replaceAll('http://www.w3.org/2000/svg', '');
      expect(others).not.toMatch(/https?:\/\/|@import|innerHTML|insertAdjacentHTML|\seval\(/);
    }
    expect(parts.get('/')).not.toMatch(/<style|style="|<script(?![^>]*src=)|\son[a-z]+="/);
  });

  it('is small: under 100 kB compressed, with everything that it loads', async () => {
    const sizes = [...(await everyPart()).values()].map((text) => gzipSync(text).length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(100_000);
  });
});

describe('the stream', () => {
  it('begins with a frame and sends one after a change, however many changes there were', async () => {
    const stream = await openStream();
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.response.headers.get('cache-control')).toBe('no-store');
    expect(await stream.nextTotal()).toBe(0);
    for (requests = 1; requests < 5; requests += 1) for (const listener of listeners) listener();
    expect(clock.pending).toBe(1);
    clock.advance(100);
    expect(await stream.nextTotal()).toBe(5);
    stream.leave();
  });

  it('sends frames without a change too', async () => {
    const stream = await openStream();
    await stream.nextTotal();
    requests = 7;
    clock.advance(2000);
    expect(await stream.nextTotal()).toBe(7);
    requests = 8;
    clock.advance(2000);
    expect(await stream.nextTotal()).toBe(8);
    stream.leave();
  });

  it('costs nothing when nobody looks any more', async () => {
    const streams = [await openStream(), await openStream()];
    expect(listeners.size).toBe(1);
    for (const stream of streams) stream.leave();
    while (listeners.size > 0) await new Promise(setImmediate);
    expect(clock.pending).toBe(0);
  });

  it('has a head that can be asked for alone, and then no viewer is kept', async () => {
    const head = await fetch(`${url}/dashboard/events`, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.headers.get('content-type')).toMatch(/event-stream/);
    expect(listeners.size).toBe(0);
  });

  it('ends when the gateway stops', async () => {
    const stream = await openStream();
    await stream.nextTotal();
    dashboard.close();
    expect(await stream.nextTotal()).toBeNull();
    expect(listeners.size).toBe(0);
  });

  it('ends, and leaves the gateway alone, when a frame can not be made', async () => {
    const stream = await openStream();
    await stream.nextTotal();
    isBroken = true;
    for (const listener of listeners) listener();
    clock.advance(100);
    expect(await stream.nextTotal()).toBeNull();
    expect(log.lines.map(({ message }) => message)).toEqual([
      'the view of the dashboard can not be made',
    ]);
    isBroken = false;
    const again = await openStream();
    expect(await again.nextTotal()).toBe(0);
    again.leave();
  });

  it('is for 32 viewers, and one more is told so', async () => {
    const streams = await Promise.all(Array.from({ length: 32 }, openStream));
    expect((await fetch(`${url}/dashboard/events`)).ok).toBe(false);
    for (const stream of streams) stream.leave();
  });

  it('stands behind the guard', async () => {
    guard = (_request, response) => {
      response.status(401).end();
    };
    expect((await fetch(`${url}/dashboard/events`)).status).toBe(401);
    expect((await fetch(url)).status).toBe(200);
  });
});

describe('a frame', () => {
  it('shows requests with their cost and route reason', () => {
    const view = viewWith({
      policy: aPolicy({ posture: 'preferLocal' }),
      recent: [
        aRequestEnded({ modelServed: 'llama3', routeReason: 'budget-soft-limit' }),
        aRefusal(),
      ],
    });
    expect(view).toMatchObject({
      version: '1.2.3',
      now: '2026-11-10T12:00:00.000Z',
      posture: 'preferLocal',
    });
    expect(view.recent[0]).toEqual({
      time: '2026-11-10T12:00:00.000Z',
      id: 'req_1',
      model_requested: 'gpt-4-turbo',
      model_served: 'llama3',
      backend: 'openai',
      backend_type: 'cloud',
      route_reason: 'budget-soft-limit',
      status: 200,
      error: null,
      stream: false,
      input_tokens: 120,
      output_tokens: 30,
      cost_usd: 0.0021,
      duration_ms: 1250,
    });
    expect(view.recent[1]).toMatchObject({
      backend: null,
      error: 'budget_exhausted',
      input_tokens: null,
      cost_usd: 0,
    });
  });

  it('shows requests that are under way', () => {
    const view = viewWith({
      inFlight: {
        total: 7,
        oldest: [
          {
            requestId: 'req_9',
            atMs: NOW - 12_400,
            stream: true,
            modelRequested: 'gpt-4-turbo',
            model: 'llama3',
            backend: 'ollama',
            backendKind: 'local',
            routeReason: 'budget-soft-limit',
            attempt: 2,
            held: 250_000_000,
          },
        ],
      },
    });
    expect(view.in_flight).toEqual({
      total: 7,
      requests: [
        {
          id: 'req_9',
          model_requested: 'gpt-4-turbo',
          model: 'llama3',
          backend: 'ollama',
          backend_type: 'local',
          route_reason: 'budget-soft-limit',
          attempt: 2,
          stream: true,
          held_usd: 0.25,
          seconds: 12,
        },
      ],
    });
  });

  it('says every event in words', () => {
    const crossing = { spending: 75_020_000_000, limit: 100_000_000_000, month: '2026-11' };
    const report = {
      month: '2026-11',
      entriesChecked: 0,
      drift: 0,
      totals: someTotals(),
      checkedAtMs: 0,
    };
    const events: readonly ControlEvent[] = [
      { kind: 'soft_limit_reached', ...crossing },
      { kind: 'hard_limit_reached', ...crossing, action: 'block_cloud' },
      { kind: 'month_rollover', from: '2026-10', to: '2026-11', finalSpending: 96_120_000_000 },
      { kind: 'limit_increased', from: 1_000_000_000, to: 2_000_000_000 },
      { kind: 'limit_decreased', from: 2_000_000_000, to: 1_000_000_000 },
      { kind: 'reconciled', report, seconds: 0 },
      {
        kind: 'backend_changed',
        backend: 'ollama',
        from: 'healthy',
        to: 'unhealthy',
        reason: 'refused',
      },
      {
        kind: 'backend_changed',
        backend: 'ollama',
        from: 'unhealthy',
        to: 'healthy',
        reason: null,
      },
      { kind: 'actor_failed', actor: 'monthClock', restarted: true, reason: 'fault' },
      { kind: 'actor_failed', actor: 'monthClock', restarted: false, reason: 'fault' },
    ];
    const heard = events.map((event) => ({ atMs: NOW, event }));
    const view = viewWith({ events: heard });
    expect(view.events.map(({ tone, text }) => `${tone}: ${text}`)).toEqual([
      'warning: Soft limit reached at 75.02 of 100.00 USD; local backends go first',
      'error: Hard limit reached at 75.02 of 100.00 USD; cloud backends are blocked',
      'info: Month turned from 2026-10, which ended at 96.12 USD, to 2026-11',
      'info: Limit raised from 1.00 USD to 2.00 USD',
      'info: Limit lowered from 2.00 USD to 1.00 USD',
      'info: Reconciled 2026-11',
      'warning: ollama is unhealthy: refused',
      'info: ollama is healthy',
      'error: monthClock failed and was restarted: fault',
      'error: monthClock failed and was given up: fault',
    ]);
  });
});
