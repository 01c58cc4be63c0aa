/** One call at a provider: what it will do, how far it got, what the gateway saw of it, and what it is billed. */
import type { Readable } from 'node:stream';
import type { Clock } from '../../src/core/clock.ts';
import {
  UpstreamFailure,
  type AnswerReader,
  type UpstreamAnswer,
  type UpstreamFailureKind,
} from '../../src/core/upstream.ts';
import { NO_USAGE, type TokenUsage } from '../../src/core/usage.ts';
import type { HoldRecord } from './books.ts';
import type { CallPlan, Piece } from './call-plan.ts';
import { picoOf, type ModelPrice } from './price.ts';
import { SimulatedBody } from './simulated-body.ts';

const BYTES = Buffer.from('data');
const NOTHING = Buffer.alloc(0);
/** A proxy before the provider gave up waiting for it; what became of the call is not known. */
const GATEWAY_TIMEOUT = 504;

export interface CallFacts {
  readonly hold: HoldRecord;
  readonly price: ModelPrice | null;
  /** Input tokens as the gateway counted them. */
  readonly tokens: number;
  /** Output tokens, over all answers, that the request allows. */
  readonly mostOutput: number;
  readonly isStream: boolean;
  readonly plan: CallPlan;
}

/** How the gateway waits for an answer. */
export interface Waiter {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What the gateway can know of a call. */
export interface Sight {
  failure: UpstreamFailureKind | null;
  /** Bytes of the request reached the provider. */
  wasSent: boolean;
  status: number | null;
  /** Output tokens that passed. */
  passed: number;
  usage: TokenUsage | null;
  isComplete: boolean;
  /** The gateway gave it up itself. */
  isAborted: boolean;
}

/** The connection of a call that is under way. */
interface Line {
  readonly answered: PromiseWithResolvers<UpstreamAnswer>;
  readonly body: SimulatedBody;
  readonly clock: Clock;
  /** Of the wait for an answer. */
  timer: unknown;
}

export class SimulatedCall implements AnswerReader {
  readonly facts: CallFacts;
  readonly sight: Sight = {
    failure: null,
    wasSent: false,
    status: null,
    passed: 0,
    usage: null,
    isComplete: false,
    isAborted: false,
  };
  /** In pico-dollars; null until it is certain. */
  billedPico: number | null = null;
  readonly #onWire: Piece[] = [];
  #next = 0;
  /**
   * Null when nothing more will come of it. The books keep every call of a world; by its connection each would keep its
   * whole request, and most of the collector's work was to copy those.
   */
  #line: Line | null = null;

  constructor(facts: CallFacts) {
    this.facts = facts;
  }

  open({ signal, clock, timeoutMs }: Waiter): Promise<UpstreamAnswer> {
    const { plan } = this.facts;
    const answered = Promise.withResolvers<UpstreamAnswer>();
    const line: Line = {
      answered,
      body: new SimulatedBody(() => this.#hangUp()),
      clock,
      timer: null,
    };
    this.#line = line;
    if (signal.aborted) {
      this.sight.isAborted = true;
      this.#fail('aborted', false);
      return answered.promise;
    }
    this.sight.wasSent = plan.opening !== 'connect' && plan.opening !== 'untranslatable';
    line.timer = clock.setTimeout(() => this.#fail('timeout', this.sight.wasSent), timeoutMs);
    signal.addEventListener('abort', () => this.#abort(), { once: true });
    return answered.promise;
  }

  /** Nothing more will come of it. */
  get isOver(): boolean {
    return this.#line === null;
  }

  /** True when the provider can do its next step now. */
  get canAdvance(): boolean {
    const line = this.#line;
    if (line === null) return false;
    const { plan } = this.facts;
    if (this.sight.status === null) return plan.opening !== 'silent';
    const isStalled = this.#next >= plan.pieces.length && plan.ending === 'stalled';
    return line.body.isRead && !isStalled;
  }

  /** The provider's next step. Only when `canAdvance`. */
  advance(): void {
    const { plan } = this.facts;
    if (this.sight.status === null) this.#answer();
    else if (this.#next < plan.pieces.length) this.#send(plan.pieces[this.#next]);
    else if (plan.ending === 'broken') this.#breakOff(new Error('the connection was reset'));
    else this.#end();
  }

  push(chunk: Buffer): Buffer {
    const piece = this.#onWire.shift();
    if (piece === undefined) return chunk;
    this.sight.passed += piece.tokens;
    this.sight.usage = piece.usage ?? this.sight.usage;
    // A stream says its end before its connection closes.
    const { plan, isStream } = this.facts;
    if (isStream && plan.ending === 'complete' && piece === plan.pieces.at(-1))
      this.sight.isComplete = true;
    return chunk;
  }

  end(): Buffer {
    if (this.facts.plan.ending === 'complete') this.sight.isComplete = true;
    return NOTHING;
  }

  usage(): TokenUsage | null {
    return this.sight.usage;
  }

  isComplete(): boolean {
    return this.sight.isComplete;
  }

  /** The number of tokens as text: the stand-in for the counter reads it back. */
  outputText(): string {
    return this.sight.passed === 0 ? '' : String(this.sight.passed);
  }

  streamError(): Buffer {
    return BYTES;
  }

  /** True when nobody on the gateway's side can tell what the call cost. */
  get isUnknown(): boolean {
    const { wasSent, status, usage, passed, isComplete } = this.sight;
    if (!wasSent || this.isRefusal) return false;
    if (status === null || status === GATEWAY_TIMEOUT) return true;
    // A stream is billed as it passes, a whole answer for all of it.
    const isMetered = this.facts.isStream && passed > 0;
    return usage === null && !isComplete && !isMetered;
  }

  /** The provider answered that it did nothing, and bills nothing. */
  get isRefusal(): boolean {
    const { status } = this.sight;
    return status !== null && status >= 300 && status !== GATEWAY_TIMEOUT;
  }

  /** The provider closes its books on the call. What it bills beyond what could be seen is in its plan. */
  bill(): number {
    if (this.billedPico !== null) return this.billedPico;
    const { sight, facts } = this;
    const { price, plan, tokens } = facts;
    if (!sight.wasSent || price === null || this.isRefusal) this.billedPico = 0;
    else if (this.isUnknown) this.billedPico = plan.unknownPico;
    else if (sight.usage !== null) this.billedPico = picoOf(price, sight.usage);
    else {
      const past = sight.isComplete ? 0 : plan.tokensPastCut;
      const output = sight.passed + past;
      this.billedPico = picoOf(price, { ...NO_USAGE, input: tokens, output });
    }
    return this.billedPico;
  }

  #answer(): void {
    const { plan, isStream } = this.facts;
    const line = this.#line;
    if (plan.opening !== 'answer' && plan.opening !== 'silent') {
      this.#fail(plan.opening, this.sight.wasSent);
      return;
    }
    if (line === null) return;
    this.sight.status = plan.status;
    line.clock.clearTimeout(line.timer);
    line.answered.resolve({
      status: plan.status,
      headers: {},
      isStream: isStream && plan.status < 300,
      body: line.body as unknown as Readable,
      reader: this,
    });
  }

  #send(piece: Piece | undefined): void {
    if (piece === undefined) return;
    this.#next += 1;
    this.#onWire.push(piece);
    this.#line?.body.send(BYTES);
  }

  #end(): void {
    this.#hangUp()?.body.end();
  }

  #breakOff(error: Error): void {
    this.#hangUp()?.body.breakOff(error);
  }

  #abort(): void {
    if (this.isOver) return;
    this.sight.isAborted = true;
    if (this.sight.status === null) this.#fail('aborted', this.sight.wasSent);
    else this.#breakOff(new Error('aborted'));
  }

  #fail(kind: UpstreamFailureKind, wasSent: boolean): void {
    if (this.sight.status !== null) return;
    const line = this.#hangUp();
    if (line === null) return;
    this.sight.failure = kind;
    this.sight.wasSent = wasSent;
    line.clock.clearTimeout(line.timer);
    line.answered.reject(new UpstreamFailure(kind, wasSent, `simulated: ${kind}`));
  }

  /** Returns the connection that ends. */
  #hangUp(): Line | null {
    const line = this.#line;
    this.#line = null;
    return line;
  }
}
