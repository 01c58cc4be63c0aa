import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createWebSocketReceiver, type StatelyInspectionEvent } from '@statelyai/inspect';
import { WebSocket } from 'ws';
import type { InspectionEvent } from 'xstate';
import { createStatelyBridge, type StatelyBridge } from '../../src/telemetry/stately-bridge.ts';
import { eventually as retry } from '../support/eventually.ts';
import { recordingLog } from '../support/recording-log.ts';
import {
  aBudget,
  aModel,
  aSimulatedBackend,
  rehearse,
} from '../support/rehearsed-control-plane.ts';

/** Resolves when `isSo` is true. */
async function eventually(isSo: () => boolean): Promise<void> {
  await retry(() => expect(isSo()).toBe(true), 20_000);
}

const BIG_ACTOR = { sessionId: 'x:99', id: 'big' };

let bridge: StatelyBridge;
let url: string;
let log: ReturnType<typeof recordingLog>;
let sockets: WebSocket[];

beforeEach(async () => {
  log = recordingLog();
  bridge = createStatelyBridge(log);
  url = await bridge.listen(0);
  sockets = [];
});

afterEach(async () => {
  await bridge.close();
});

function socketUrl(): string {
  return url.replace('http:', 'ws:');
}

/** A viewer made by the package itself. */
function receive(): StatelyInspectionEvent[] {
  const messages: StatelyInspectionEvent[] = [];
  createWebSocketReceiver({ server: socketUrl() }).subscribe((message) => messages.push(message));
  return messages;
}

interface SocketWishes {
  readonly origin?: string | undefined;
  /** Listens from the start: the first messages may come with the handshake's answer. */
  readonly onMessage?: (data: Buffer) => void;
}

async function openSocket({ origin, onMessage }: SocketWishes = {}): Promise<WebSocket> {
  const socket = new WebSocket(socketUrl(), origin === undefined ? {} : { origin });
  sockets.push(socket);
  if (onMessage !== undefined) socket.on('message', onMessage);
  await once(socket, 'open');
  return socket;
}

/** Clouds of simulated backends whose key must never be seen. */
function rehearseWithBridge() {
  return rehearse(
    '2026-11-10T12:00:00Z',
    {
      budget: aBudget(),
      backends: [aSimulatedBackend('local'), aSimulatedBackend('cloud', { kind: 'cloud' })],
      inspect: bridge.inspect,
    },
    { local: [aModel('llama3')], cloud: [aModel('gpt-4-turbo')] },
  );
}

function statesOf(messages: readonly StatelyInspectionEvent[], sessionId: string | undefined) {
  return messages.flatMap((message) =>
    message.type === '@xstate.snapshot' && message.sessionId === sessionId
      ? [(message.snapshot as unknown as { value: unknown }).value]
      : [],
  );
}

function actorNamed(messages: readonly StatelyInspectionEvent[], name: string) {
  return messages.find((message) => message.type === '@xstate.actor' && message.name === name);
}

/** Waits for what a viewer is told at first; returns the id of the budget reconciler. */
async function heardStory(messages: readonly StatelyInspectionEvent[]): Promise<string> {
  const started = (): boolean =>
    actors().every(({ sessionId }) => statesOf(messages, sessionId).length > 0);
  const actors = () => messages.filter(({ type }) => type === '@xstate.actor');
  await eventually(() => actors().length === 6 && started());
  return actorNamed(messages, 'budget-reconciler')?.sessionId ?? '';
}

describe('the bridge to the Stately inspector', () => {
  it('tells of every actor with its whole definition and its place in the system', async () => {
    const { plane } = rehearseWithBridge();
    await plane.probeAll();
    const messages = receive();
    await eventually(() => actorNamed(messages, 'health.cloud') !== undefined);
    const actors = messages.flatMap((message) =>
      message.type === '@xstate.actor' ? [message] : [],
    );

    expect(actors.map(({ name }) => name).toSorted()).toEqual([
      'budget-reconciler',
      'health.cloud',
      'health.local',
      'month-clock',
      'nexus',
      'scheduler-reconciler',
    ]);
    const root = actorNamed(messages, 'nexus');
    for (const actor of actors) {
      const definition = JSON.parse(actor.definition ?? '') as { id: string; states: object };
      expect(Object.keys(definition.states).length).toBeGreaterThan(1);
      // The mark of what was cut for its depth.
      expect(actor.definition).not.toMatch(/\[Object\]|\[Array\]/);
      expect(actor.rootId).toBe(root?.sessionId);
      expect(actor.parentId).toBe(actor === root ? undefined : root?.sessionId);
    }
    expect(actorNamed(messages, 'budget-reconciler')).toMatchObject({
      snapshot: {
        status: 'active',
        value: 'normal',
        context: { limitNano: 1000, settledNano: 0 },
      },
    });
    await plane.stop();
  });

  it('sends changed states with the event that changed them, and nothing for the others', async () => {
    const { plane, clock, spend } = rehearseWithBridge();
    const messages = receive();
    const budget = await heardStory(messages);
    messages.length = 0;
    for (const settled of [10, 760, 770, 780, 1000, 1010]) {
      spend(settled);
      clock.advance(150);
    }
    await eventually(() => statesOf(messages, budget).length >= 2);

    expect(statesOf(messages, budget).slice(0, 2)).toEqual(['softLimit', 'hardLimit']);
    const events = messages.filter(
      (message) => message.type === '@xstate.event' && message.sessionId === budget,
    );
    expect(events).toMatchObject([
      { event: { type: 'totals.changed', settledNano: 760 } },
      { event: { type: 'totals.changed', settledNano: 1000 } },
    ]);
    expect(messages.every(({ type }) => /^@xstate\.(actor|event|snapshot)$/.test(type))).toBe(true);
    await plane.stop();
  });

  it('sends the latest context in time, however many events there were', async () => {
    const { plane, clock, spend } = rehearseWithBridge();
    const messages = receive();
    const budget = await heardStory(messages);
    messages.length = 0;
    for (let settled = 1; settled <= 500; settled += 1) {
      spend(settled);
      clock.advance(150);
    }
    await eventually(() => statesOf(messages, budget).length > 0);

    const last = messages.findLast(({ sessionId }) => sessionId === budget);
    expect(last).toMatchObject({ snapshot: { value: 'normal', context: { settledNano: 500 } } });
    expect(messages.length).toBeLessThan(10);
    await plane.stop();
  });

  it('shows one who comes late all definitions and the last changes after any amount of traffic', async () => {
    const { plane, clock, spend, books } = rehearseWithBridge();
    for (let i = 0; i < 400; i += 1) {
      books.totals = { ...books.totals, settled: 0 };
      spend(i % 2 === 0 ? 800 : 100);
      clock.advance(150);
    }
    const messages = receive();
    await eventually(() => messages.some(({ type }) => type === '@xstate.snapshot'));
    await eventually(() => actorNamed(messages, 'scheduler-reconciler') !== undefined);
    await eventually(
      () =>
        statesOf(messages, actorNamed(messages, 'budget-reconciler')?.sessionId).at(-1) ===
        'normal',
    );

    expect(messages.filter(({ type }) => type === '@xstate.actor')).toHaveLength(6);
    expect(messages.length).toBeLessThan(150);
    await plane.stop();
  });

  it('says no key and nothing of a prompt in any message', async () => {
    const { plane, clock, spend } = rehearseWithBridge();
    const texts: string[] = [];
    await openSocket({ onMessage: (data) => texts.push(data.toString()) });
    await plane.probeAll();
    plane.attemptEnded({
      backend: 'cloud',
      outcome: 'failed',
      reason: `boom ${'x'.repeat(5000)}`,
      latencyMs: null,
    });
    spend(2000);
    plane.nothingFits();
    clock.advance(40 * 24 * 3600 * 1000);
    await eventually(() => texts.some((text) => text.includes('boom')));
    await eventually(() => texts.some((text) => text.includes('hardLimit')));

    const all = texts.join('\n');
    expect(all).not.toContain('a secret that no actor may see');
    expect(all).not.toMatch(/apiKey|api_key|authorization|messages|prompt|"content"/i);
    expect(Math.max(...texts.map((text) => text.length))).toBeLessThan(60_000);
    expect(all).not.toContain('x'.repeat(400));
    await plane.stop();
  });

  it('hears nothing: what a viewer sends reaches no actor', async () => {
    const { plane } = rehearseWithBridge();
    await plane.probeAll();
    const socket = await openSocket();
    const before = plane.policy();
    socket.send(JSON.stringify({ type: '@xstate.event', event: { type: 'xstate.stop' } }));
    socket.send('x'.repeat(2000));
    const [code] = (await once(socket, 'close')) as [number];

    expect(code).toBe(1009);
    expect(plane.policy()).toBe(before);
    await plane.stop();
  });

  it('never disturbs an actor, whatever it is handed', async () => {
    const broken = { type: '@xstate.snapshot' } as unknown as Parameters<
      StatelyBridge['inspect']
    >[0];
    expect(() => {
      bridge.inspect(broken);
      bridge.inspect(broken);
    }).not.toThrow();
    expect(log.lines.map(({ message }) => message)).toEqual([
      'the Stately inspector failed; the gateway goes on',
    ]);
  });

  describe('with a viewer that does not read', () => {
    /** Its latest changes alone are four times what a viewer may leave unread. */
    const ROUNDS = 8;
    const STATES_A_ROUND = 50;
    const LAST = `state ${ROUNDS - 1} ${STATES_A_ROUND - 1}`;

    async function floodOneWhoStopsReading() {
      const { plane } = rehearseWithBridge();
      await plane.probeAll();
      const heard = { actors: 0, bytes: 0, last: 0 };
      const slow = await openSocket({
        onMessage(data) {
          heard.bytes += data.length;
          if (data.includes('"@xstate.actor"')) heard.actors += 1;
          if (data.includes(LAST)) heard.last += 1;
        },
      });
      await eventually(() => heard.actors === 6);
      slow.pause();
      const context = Array.from({ length: 32 }, () =>
        Array.from({ length: 32 }, () => 'x'.repeat(300)),
      );
      for (let round = 0; round < ROUNDS; round += 1) {
        for (let i = 0; i < STATES_A_ROUND; i += 1) {
          bridge.inspect(aSnapshot(`state ${round} ${i}`, context));
        }
        // The bridge sends ten times a second.
        await delay(120);
      }
      slow.resume();
      return { heard, plane };
    }

    it('stops sending, and tells it everything anew when it reads again', async () => {
      const { heard, plane } = await floodOneWhoStopsReading();
      await eventually(() => heard.actors >= 12 && heard.last >= 1);
      // 400 snapshots of 300 kB would be 120 MB.
      expect(heard.bytes).toBeLessThan(45_000_000);
      expect(log.lines).toEqual([]);
      await plane.stop();
    });

    it('tells a story longer than what may be unread once and whole, not its beginning over and over', async () => {
      const { heard, plane } = await floodOneWhoStopsReading();
      await eventually(() => heard.last === 1);
      // Viewers that are behind are tried twice a second.
      await delay(1200);
      expect(heard.actors).toBe(12);
      expect(heard.last).toBe(1);
      await plane.stop();
    });
  });
});

/** What XState tells of an actor that took an event. */
function aSnapshot(value: string, context: unknown): InspectionEvent {
  const actorRef = BIG_ACTOR;
  const snapshot = { status: 'active', value, context };
  const event = { type: 'grow' };
  return {
    type: '@xstate.snapshot',
    actorRef,
    rootId: 'x:0',
    event,
    snapshot,
  } as unknown as InspectionEvent;
}

describe('the door of the bridge', () => {
  it('stands on the loopback interface only', async () => {
    const { hostname, port } = new URL(url);
    expect(hostname).toBe('127.0.0.1');
    const other = connect(Number(port), '127.0.0.2');
    const [error] = (await once(other, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('takes a free port when the wanted one is taken', async () => {
    const second = createStatelyBridge(log);
    const secondUrl = await second.listen(Number(new URL(url).port));
    expect(secondUrl).not.toBe(url);
    expect((await fetch(secondUrl)).status).toBe(200);
    await second.close();
  });

  it('opens to its own page and to programs, and to no other page', async () => {
    const { host, port } = new URL(url);
    for (const origin of [`http://${host}`, `http://localhost:${port}`, undefined]) {
      // A page that asks for `localhost` says so in both.
      await openSocket({ origin });
    }
    for (const origin of ['https://evil.example', 'http://127.0.0.1:1', 'null']) {
      const refused = new WebSocket(socketUrl(), { origin });
      const [error] = (await once(refused, 'error')) as [Error];
      expect(error.message).toContain('403');
    }
  });

  it('refuses a name that was pointed at this machine', async () => {
    const { port } = new URL(url);
    const refused = new WebSocket(socketUrl(), { headers: { host: `evil.example:${port}` } });
    const [error] = (await once(refused, 'error')) as [Error];
    expect(error.message).toContain('403');
  });

  it('takes eight viewers', async () => {
    for (let i = 0; i < 8; i += 1) await openSocket();
    const ninth = new WebSocket(socketUrl());
    const [error] = (await once(ninth, 'error')) as [Error];
    expect(error.message).toContain('503');
  });

  it('serves a page that frames stately.ai and nothing else', async () => {
    const page = await fetch(url);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain('frame-src https://stately.ai;');
    expect(policy).toContain(`connect-src ws://${new URL(url).host};`);
    expect(policy).not.toContain('unsafe');
    const html = await page.text();
    expect(html).toContain('src="https://stately.ai/inspect"');
    expect(html).not.toMatch(/<script(?![^>]*src=)|<style|style="/);
    for (const file of ['bridge.js', 'bridge.css'])
      expect((await fetch(url + file)).status).toBe(200);
    expect((await fetch(`${url}elsewhere`)).status).toBe(404);
  });

  it('closes sockets and port, also with a viewer', async () => {
    const socket = await openSocket();
    const closed = once(socket, 'close');
    await bridge.close();
    await closed;
    await expect(fetch(url)).rejects.toThrow('fetch failed');
    bridge = createStatelyBridge(log);
    url = await bridge.listen(0);
  });
});
