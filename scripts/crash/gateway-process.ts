/** The real binary in a process of its own: started, watched, asked to stop, killed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startEnvironment, startFlags } from '../start-command.ts';

const ENTRY = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const START_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 15_000;
const KEPT_OUTPUT_CHARS = 20_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface StartOptions {
  /** Options for Node itself, before the program. */
  readonly nodeOptions?: readonly string[];
  /** Beside the output, a channel for messages. */
  readonly ipc?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** User and group of the process, for who may choose them. */
  readonly identity?: { readonly uid: number; readonly gid: number };
}

export class GatewayProcess {
  readonly child: ChildProcess;
  readonly #startedMs = performance.now();
  readonly #exited: Promise<Exit>;
  #output = '';
  #url: string | null = null;
  #exit: Exit | null = null;

  constructor(configPath: string, options: StartOptions = {}) {
    const { nodeOptions = [], ipc = false, env = {}, identity = {} } = options;
    const args = [...startFlags(), ...nodeOptions, ENTRY, 'serve', '--config', configPath];
    this.child = spawn(process.execPath, args, {
      env: { ...startEnvironment(), ...env },
      ...identity,
      stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? ['ipc' as const] : [])],
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk: Buffer) => this.#hear(chunk.toString()));
    this.#exited = once(this.child, 'close').then(([code, signal]) => {
      this.#exit = { code: code as number | null, signal: signal as string | null };
      return this.#exit;
    });
  }

  /** Where it listens; throws before it does. */
  get url(): string {
    if (this.#url === null) throw new Error('the gateway does not listen yet');
    return this.#url;
  }

  /** What it wrote so far, cut at the front. */
  get output(): string {
    return this.#output;
  }

  /** How it ended; null while it runs. */
  get exit(): Exit | null {
    return this.#exit;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves with the time from the start of the process to the first 200 of `/readyz`, in milliseconds. */
  async ready(): Promise<number> {
    while (performance.now() - this.#startedMs < START_WITHIN_MS) {
      if (this.#exit !== null) break;
      if (this.#url !== null) {
        const answer = await fetch(`${this.#url}/readyz`).catch(() => null);
        await answer?.arrayBuffer();
        if (answer?.status === 200) return performance.now() - this.#startedMs;
      }
      await delay(2);
    }
    throw new Error(`the gateway is not ready: ${JSON.stringify(this.#exit)}\n${this.#output}`);
  }

  /** `kill -9`; resolves when the process is gone. */
  async kill(): Promise<Exit> {
    this.child.kill('SIGKILL');
    return this.#exited;
  }

  askToStop(): void {
    this.child.kill('SIGTERM');
  }

  /** SIGTERM; resolves with how it ended. One that does not end is killed, and its exit says so. */
  async stop(): Promise<Exit> {
    this.askToStop();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_WITHIN_MS);
    const exit = await this.#exited;
    clearTimeout(timer);
    return exit;
  }

  async exited(): Promise<Exit> {
    return this.#exited;
  }

  #hear(text: string): void {
    this.#output = (this.#output + text).slice(-KEPT_OUTPUT_CHARS);
    this.#url ??= /listens on (http:\/\/\S+)\n/.exec(this.#output)?.[1] ?? null;
  }
}
