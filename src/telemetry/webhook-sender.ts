/** The way to one receiver: alerts in order, each sent again with growing pauses until it is taken or given up. */
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { WebhookSettings } from '../core/settings.ts';
import type { Alert } from './alert.ts';
import { postAlert, type PostResult } from './webhook-post.ts';

/** `retried` counts each failure after which an alert is sent again; the others count each alert once. */
export type WebhookOutcome = 'delivered' | 'retried' | 'failed' | 'dropped';

const MOST_WAITING = 100;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 10 * 60 * 1000;

export interface SenderOptions {
  readonly webhook: WebhookSettings;
  /** Real time, also where the gateway's own clock is moved by hand. */
  readonly clock: Clock;
  readonly log: Log;
  readonly count: (outcome: WebhookOutcome) => void;
  /** 0 up to 1: spreads what many gateways send again after the same outage. */
  readonly random: () => number;
}

/** The pause after so many failures: half of it is certain, half is chance. */
function pauseMs(failures: number, random: number): number {
  const most = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
  return most * (0.5 + random / 2);
}

export class WebhookSender {
  readonly #options: SenderOptions;
  readonly #giveUp = new AbortController();
  /** The first is the one that is being sent. */
  readonly #queue: Alert[] = [];
  #running: Promise<void> | null = null;
  #wake: (() => void) | null = null;
  #isStopping = false;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Returns at once; sending begins when the present turn of the event loop is done. */
  add(alert: Alert): void {
    if (this.#isStopping) return;
    if (this.#queue.length >= MOST_WAITING) this.#dropOldest();
    this.#queue.push(alert);
    this.#running ??= this.#run();
  }

  /** Sends what is waiting once more without pauses, and gives up what is not taken within the time. */
  async stop(mostMs: number): Promise<void> {
    this.#isStopping = true;
    this.#wake?.();
    if (this.#running === null) return;
    const { clock } = this.#options;
    const timer = clock.setTimeout(() => this.#giveUp.abort(), mostMs);
    await this.#running;
    clock.clearTimeout(timer);
  }

  #dropOldest(): void {
    const [oldest] = this.#queue.splice(1, 1);
    if (oldest === undefined) return;
    this.#options.count('dropped');
    this.#say('error', 'too many alerts wait for a webhook, so the oldest is dropped', oldest);
  }

  async #run(): Promise<void> {
    await new Promise(setImmediate);
    for (let alert = this.#queue[0]; alert !== undefined; alert = this.#queue[0]) {
      await this.#deliver(alert);
      this.#queue.shift();
    }
    this.#running = null;
  }

  async #deliver(alert: Alert): Promise<void> {
    const { webhook, clock, count } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const isLast = attempt >= webhook.maxAttempts || this.#isStopping;
      const result = await postAlert(webhook, alert, clock, this.#giveUp.signal);
      if (result.kind === 'delivered') {
        count('delivered');
        return this.#say('info', 'alert delivered to a webhook', alert, { attempt });
      }
      const { reason } = result;
      if (result.kind === 'refused' || isLast || this.#giveUp.signal.aborted) {
        count('failed');
        return this.#say('error', 'alert given up, no webhook took it', alert, { attempt, reason });
      }
      count('retried');
      const waitMs = this.#waitMs(result, attempt);
      this.#say('warn', 'alert not taken by a webhook', alert, {
        attempt,
        reason,
        retryInMs: Math.round(waitMs),
      });
      await this.#pause(waitMs);
    }
  }

  #waitMs({ afterMs }: Extract<PostResult, { kind: 'again' }>, failures: number): number {
    const wished = Math.min(afterMs, LONGEST_PAUSE_MS);
    return Math.max(wished, pauseMs(failures, this.#options.random()));
  }

  /** A stop ends it. */
  async #pause(ms: number): Promise<void> {
    const { clock } = this.#options;
    if (this.#isStopping) return;
    let timer: unknown;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = clock.setTimeout(resolve, ms);
    });
    this.#wake = null;
    clock.clearTimeout(timer);
  }

  #say(
    level: 'info' | 'warn' | 'error',
    message: string,
    { id, type }: Alert,
    fields: Readonly<Record<string, string | number>> = {},
  ): void {
    const { log, webhook } = this.#options;
    log[level](message, { webhook: webhook.name, alert: type, alertId: id, ...fields });
  }
}
