/** The provider's process, as the crash test sees it. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** What the provider bills for one attempt. */
export interface Bill {
  /** See `attemptKey`. */
  readonly key: string;
  readonly model: string;
  nanoUsd: number;
  /** How often an attempt with this key came: more than once would be a second dispatch under one hold. */
  readonly times: number;
}

export type ToProvider = 'bills' | 'connections';
export type FromProvider =
  | { readonly kind: 'listening'; readonly url: string }
  | { readonly kind: 'bills'; readonly bills: readonly Bill[] }
  | { readonly kind: 'connections'; readonly connections: number };

const QUIET_WITHIN_MS = 5000;

export class ProviderProcess {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  static async start(seed: number): Promise<ProviderProcess> {
    const child = fork(fileURLToPath(new URL('provider.ts', import.meta.url)), [String(seed)], {
      // Only what it needs: flags of a test runner are not for this process.
      env: {},
      execArgv: [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const [message] = (await once(child, 'message')) as [FromProvider];
    if (message.kind !== 'listening') throw new Error('the provider did not start');
    return new ProviderProcess(child, message.url);
  }

  /** Bills since the last call. Complete once `quiet` has resolved. */
  async takeBills(): Promise<readonly Bill[]> {
    const answer = await this.#ask('bills');
    return answer.kind === 'bills' ? answer.bills : [];
  }

  /** Resolves when the provider has seen the end of every connection: it works, and bills, for nobody any more. */
  async quiet(): Promise<void> {
    const endMs = performance.now() + QUIET_WITHIN_MS;
    for (;;) {
      const answer = await this.#ask('connections');
      if (answer.kind === 'connections' && answer.connections === 0) return;
      if (performance.now() > endMs) throw new Error('the provider still has connections');
      await delay(5);
    }
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }

  async #ask(question: ToProvider): Promise<FromProvider> {
    const answered = once(this.#child, 'message') as Promise<[FromProvider]>;
    this.#child.send(question);
    return (await answered)[0];
  }
}
