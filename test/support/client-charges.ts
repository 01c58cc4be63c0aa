/** One provider behind the gateway as a client meets it, and what the ledger says of its calls. */
import { expect } from '@jest/globals';
import type { ChatClient } from './chat-client.ts';
import { priceOf, UPSTREAMS, type Stage, type UpstreamName } from './client-stage.ts';
import type { Behaviour } from './provider-server.ts';
import { nano, type Json } from './test-gateway.ts';

export const PROMPT = 'Which is warmer today, Bern or Rome?';
export const TEXT = 'Rome is warmer, by nine degrees.';
export const USAGE = { input: 61, output: 13 };

export type ClientApi = 'chat' | 'responses' | 'messages';

/** What the tests of one provider share. Stage and client are there once the tests run. */
export interface Meeting<Client = ChatClient> {
  readonly upstream: UpstreamName;
  /** The route over which the client asks; `chat` when left out. */
  readonly api?: ClientApi;
  /** False for a client that can not stream without being told the usage. */
  readonly canOmitUsage?: boolean;
  readonly stage: () => Stage;
  readonly client: () => Client;
}

/** Events of a stream after which the provider has said its first words, and not its last. */
export function eventsOfFirstWords({ upstream, api }: Pick<Meeting, 'upstream' | 'api'>): number {
  if (upstream === 'anthropic') return 5;
  return upstream === 'openai' && api === 'responses' ? 6 : 3;
}

/** Tokens of an entry of the ledger. */
export function usageOf({ usage }: Json): { readonly input: number; readonly output: number } {
  return { input: usage.input_tokens, output: usage.output_tokens };
}

/** Each call was held and charged, in order, by the usage that its provider reported, to the nano-dollar. */
export function expectCharges(
  entries: readonly Json[],
  upstream: UpstreamName,
  usages: readonly NonNullable<Behaviour['usage']>[],
): void {
  const { rates } = UPSTREAMS[upstream];
  expect(entries.map(({ kind }) => kind)).toEqual(usages.flatMap(() => ['hold', 'charge']));
  const charges = entries.filter(({ kind }) => kind === 'charge');
  expect(charges.map((entry) => [entry.backend, entry.basis, nano(entry.settled_usd)])).toEqual(
    usages.map((usage) => [upstream, 'provider', priceOf(rates, usage)]),
  );
  expect(charges.map(usageOf)).toEqual(usages.map(({ input, output }) => ({ input, output })));
}
