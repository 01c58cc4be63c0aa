/** What a request has cost, as its client learns it: in the head, as a trailer, as the last comment of a stream. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { LeavingClient } from '../support/leaving-client.ts';
import { usageDocument } from '../support/hand-provider.ts';
import {
  MODEL,
  Providers,
  startRanked,
  USAGE,
  type RankedGateway,
} from '../support/ranked-gateway.ts';
import { entriesMadeBy, expectSettledBooks } from '../support/settled-books.ts';
import { startTestGateway, TWO_BACKENDS } from '../support/test-gateway.ts';

/** 12 tokens in at 10 and 5 out at 30 USD per million. */
const COST = '0.00027';
const PATH = '/v1/chat/completions';
const ASKED = { 'x-nexus-cost-event': 'true' };

let nexus: RankedGateway;
const providers = new Providers();

function body(stream: boolean): string {
  return JSON.stringify({
    model: MODEL,
    messages: [{ role: 'user', content: 'Hello' }],
    max_tokens: 20,
    stream,
  });
}

/** An answer as Node's own client sees it, trailers included. */
async function ask(
  stream: boolean,
  headers: Record<string, string> = {},
): Promise<IncomingMessage & { readonly said: string }> {
  const request = httpRequest(nexus.url + PATH, { method: 'POST', headers });
  request.end(body(stream));
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return Object.assign(answer, { said: await text(answer) });
}

/** The bytes of an answer, from a client that knows nothing of HTTP but how to hang up. */
async function rawAnswer(version: '1.0' | '1.1', headers = ''): Promise<string> {
  const socket = connect(Number(new URL(nexus.url).port), '127.0.0.1');
  const sent = body(true);
  socket.write(
    `POST ${PATH} HTTP/${version}\r\nhost: x\r\nconnection: close\r\ncontent-length: ${sent.length}\r\n${headers}\r\n${sent}`,
  );
  return await text(socket);
}

async function startOne(): Promise<Awaited<ReturnType<Providers['hands']>>[0]> {
  const [provider] = await providers.hands();
  nexus = await startRanked([provider]);
  return provider;
}

describe('with a budget', () => {
  afterEach(async () => {
    await expectSettledBooks(nexus);
    await nexus.stop();
    await providers.close();
  });

  describe('the cost of a whole answer', () => {
    it('is in its head, exact and without trailing zeros, with the basis it rests on', async () => {
      const [server] = await providers.servers();
      nexus = await startRanked([server]);

      const answer = await ask(false);

      expect(answer.headers).toMatchObject({
        'x-nexus-cost-actual': COST,
        'x-nexus-cost-basis': 'provider',
      });
      expect(answer.headers).not.toHaveProperty('trailer');
      expect(answer.trailers).toEqual({});
    });

    it('is what the ledger has settled when the answer comes', async () => {
      const [server] = await providers.servers();
      nexus = await startRanked([server]);
      server.next({ usage: { input: 1003, output: 7, cached: 501 } });

      const entries = await entriesMadeBy(nexus, async () => {
        const { headers } = await ask(false);
        const [charge] = (await nexus.getJson('/v1/ledger?kind=charge')).data;
        expect(headers['x-nexus-cost-actual']).toBe(charge.settled_usd);
      });

      expect(entries).toMatchObject([{ kind: 'hold', route: 'chat' }, { kind: 'charge' }]);
    });

    it('says that an earlier attempt of unknown cost is not in it', async () => {
      const [first, second] = await providers.hands();
      nexus = await startRanked([first, second]);
      const asked = ask(false);
      (await first.call()).head().reset();
      (await second.call()).json('Hi', usageDocument(USAGE));

      const { headers } = await asked;

      expect(headers).toMatchObject({
        'x-nexus-backend': 'b',
        'x-nexus-cost-actual': COST,
        'x-nexus-cost-basis': 'unsettled',
      });
    });

    it('is 0 for an error of the provider, which is not billed', async () => {
      const [server] = await providers.servers();
      nexus = await startRanked([server]);
      server.next({ status: 400 });

      const { statusCode, headers } = await ask(false);

      expect(statusCode).toBe(400);
      expect(headers['x-nexus-cost-actual']).toBe('0');
      expect(headers).not.toHaveProperty('x-nexus-cost-basis');
    });

    it('is with an error of the gateway when something was sent, and not when nothing was', async () => {
      const [server] = await providers.servers();
      nexus = await startRanked([server], { limitUsd: 0.001 });
      server.next({ dies: 'beforeHeaders' });

      const failed = await ask(false);

      expect(failed.statusCode).toBe(502);
      expect(failed.headers).toMatchObject({
        'x-nexus-cost-actual': '0',
        'x-nexus-cost-basis': 'unsettled',
      });
      const refused = await ask(false);
      expect(refused.statusCode).toBe(503);
      expect(refused.headers).not.toHaveProperty('x-nexus-cost-actual');
    });

    it('is a trailer when the answer is too large to be read whole', async () => {
      const provider = await startOne();
      const asked = ask(false);
      (await provider.call()).json('x'.repeat(9_000_000), usageDocument(USAGE));

      const answer = await asked;

      expect(JSON.parse(answer.said)).toHaveProperty('usage', usageDocument(USAGE));
      expect(answer.headers).not.toHaveProperty('x-nexus-cost-actual');
      expect(answer.trailers).toEqual({
        'x-nexus-cost-actual': COST,
        'x-nexus-cost-basis': 'provider',
      });
    });
  });

  describe('the cost of a stream', () => {
    it('is announced in the head and comes as a trailer', async () => {
      const [server] = await providers.servers();
      nexus = await startRanked([server]);

      const answer = await ask(true);

      expect(answer.headers['trailer']).toBe('X-Nexus-Cost-Actual, X-Nexus-Cost-Basis');
      expect(answer.headers).not.toHaveProperty('x-nexus-cost-actual');
      expect(answer.said).toMatch(/data: \[DONE\]\n\n$/);
      expect(answer.trailers).toEqual({
        'x-nexus-cost-actual': COST,
        'x-nexus-cost-basis': 'provider',
      });
    });

    it('is a comment behind the last event where it was asked for', async () => {
      const [server] = await providers.servers();
      nexus = await startRanked([server]);

      const { said, trailers } = await ask(true, ASKED);

      expect(said).toMatch(/data: \[DONE\]\n\n\n: nexus-cost 0\.00027 basis=provider\n\n$/);
      expect(trailers['x-nexus-cost-actual']).toBe(COST);
    });

    it('is metered where the provider gives no usage', async () => {
      const provider = await startOne();
      const asked = ask(true, ASKED);
      (await provider.call()).say('Hello', ' there').finish().done().end();

      const { said, trailers } = await asked;

      const [charge] = (await nexus.getJson('/v1/ledger?kind=charge')).data;
      expect(charge.basis).toBe('metered');
      expect(trailers).toEqual({
        'x-nexus-cost-actual': charge.settled_usd,
        'x-nexus-cost-basis': 'metered',
      });
      expect(said).toContain(`\n: nexus-cost ${charge.settled_usd} basis=metered\n`);
    });

    it('says that a metered charge was cut at the hold', async () => {
      const provider = await startOne();
      const entries = await entriesMadeBy(nexus, async () => {
        const asked = ask(true);
        (await provider.call()).say('word '.repeat(5000)).finish().done().end();
        await asked;
      });

      const [hold, charge] = entries;
      expect(charge).toMatchObject({ basis: 'metered', note: 'counted above the hold' });
      expect(charge.settled_usd).toBe(hold.held_usd);
    });

    it('comes behind the error of a stream that broke off', async () => {
      const provider = await startOne();
      const request = httpRequest(nexus.url + PATH, { method: 'POST', headers: ASKED });
      request.end(body(true));
      const call = (await provider.call()).say('Hello');
      const [answer] = (await once(request, 'response')) as [IncomingMessage];
      call.reset();

      const said = await text(answer);
      const { trailers } = answer;

      expect(said).toMatch(
        /data: \{"error".*\}\n\n(?:data: \[DONE\]\n\n)?\n: nexus-cost 0\.\d+ basis=metered\n\n$/,
      );
      expect(trailers).toMatchObject({ 'x-nexus-cost-basis': 'metered' });
    });

    it('is not final where nobody knows what the stream cost', async () => {
      const [server] = await providers.servers();
      nexus = await startRanked([server]);
      server.next({ raw: { contentType: 'text/event-stream', body: ': still thinking\n\n' } });

      const { trailers } = await ask(true);

      expect(trailers).toEqual({ 'x-nexus-cost-actual': '0', 'x-nexus-cost-basis': 'unsettled' });
    });

    it('has no trailer in HTTP/1.0, which has no chunks; the comment comes all the same', async () => {
      const [server] = await providers.servers();
      nexus = await startRanked([server]);

      const answer = await rawAnswer('1.0', 'X-Nexus-Cost-Event: true\r\n');

      expect(answer).not.toMatch(/^trailer:|^transfer-encoding:|^x-nexus-cost-actual/im);
      expect(answer).toMatch(/data: \[DONE\]\n\n\n: nexus-cost 0\.00027 basis=provider\n\n$/);
    });

    it('stands between the last chunk and the end of the message', async () => {
      const [server] = await providers.servers();
      nexus = await startRanked([server]);

      const answer = await rawAnswer('1.1');

      expect(answer).toMatch(/^Trailer: X-Nexus-Cost-Actual, X-Nexus-Cost-Basis\r$/m);
      expect(
        answer.endsWith(
          '\r\n0\r\nX-Nexus-Cost-Actual: 0.00027\r\nX-Nexus-Cost-Basis: provider\r\n\r\n',
        ),
      ).toBe(true);
    });

    it('leaves the connection good for the next request', async () => {
      const [server] = await providers.servers();
      nexus = await startRanked([server]);
      for (let round = 0; round < 3; round += 1) {
        const answer = await nexus.ask({ stream: true });
        expect(await answer.text()).toContain('[DONE]');
        expect((await nexus.ask()).headers.get('x-nexus-cost-actual')).toBe(COST);
      }
    });

    it('is settled all the same when its client has left', async () => {
      const provider = await startOne();
      const entries = await entriesMadeBy(nexus, async () => {
        const client = new LeavingClient(nexus.url + PATH, JSON.parse(body(true)));
        const call = await provider.call();
        call.say('Hello');
        await client.saw('Hello');
        await client.leave();
        call.finish().usage(USAGE).done().end();
      });

      expect(entries.map(({ kind, basis }) => [kind, basis])).toEqual([
        ['hold', null],
        ['charge', 'provider'],
      ]);
      expect(entries[1].settled_usd).toBe(COST);
    });
  });
});

describe('a gateway without budget', () => {
  it('says the cost where there is a price, and says nothing of a free model', async () => {
    const free = await startTestGateway(TWO_BACKENDS);
    const cloud = await free.chat('gpt-4-turbo', 'Hello');
    const local = await free.chat('llama3', 'Hello');
    const stream = await free.chat('llama3', 'Hello', { stream: true }, ASKED);

    expect(Number(cloud.headers.get('x-nexus-cost-actual'))).toBeGreaterThan(0);
    expect(local.headers.has('x-nexus-cost-actual')).toBe(false);
    // Whoever asks is told.
    expect(await stream.text()).toMatch(/\n: nexus-cost 0 basis=provider\n\n$/);
    await free.stop();
  });
});
