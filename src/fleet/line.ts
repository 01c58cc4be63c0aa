/** The worker's end of the channel to the primary. */
import { LedgerUnavailable } from '../core/ledger.ts';
import { GatewayError } from '../core/errors.ts';
import type { Admitted } from '../http/admission.ts';
import type { Answer, AskItem, EndItem, Item, Refusal, Standing, Up } from './messages.ts';
import { unpackError } from './packed-error.ts';

/** The longest that a fact waits for company. */
const MENTION_MS = 5;

export class Line {
  readonly #send: (message: Up) => void;
  /** Questions, by the id of what they are about. */
  readonly #asked = new Map<string, PromiseWithResolvers<Admitted | null>>();
  #lastEnd: Promise<unknown> = Promise.resolve();
  #items: Item[] = [];
  #isDue = false;
  #isDueSoon = false;
  #standing: Standing;

  constructor(standing: Standing, send: (message: Up) => void) {
    this.#standing = standing;
    this.#send = send;
  }

  /** As the primary said it last: with the answer to every ask, and after every change that it knows of. */
  get standing(): Standing {
    return this.#standing;
  }

  /** Goes with everything else of this turn of the event loop. */
  tell(item: Item): void {
    this.#items.push(item);
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.flush();
    });
  }

  /** Goes with the next thing that is told, or a little later: a message for each fact costs more than its work. */
  mention(item: Item): void {
    this.#items.push(item);
    if (this.#isDueSoon) return;
    this.#isDueSoon = true;
    setTimeout(() => {
      this.#isDueSoon = false;
      this.flush();
    }, MENTION_MS);
  }

  /**
   * Tells the end of a hold: at once, behind what was told before. The primary then hears of a charge before the client
   * has the end of its answer and can ask for more.
   */
  end(item: EndItem): void {
    const booked = Promise.withResolvers<Admitted | null>();
    this.#asked.set(item.holdId, booked);
    this.#lastEnd = booked.promise;
    this.#items.push(item);
    this.flush();
  }

  /** Resolves when every end that was told is in the standing: the primary answers them in order. */
  async caughtUp(): Promise<void> {
    await this.#lastEnd;
  }

  /** Resolves with null when there is no other candidate; rejects with `GatewayError` when there is none at all. */
  ask(requestId: string, item: AskItem): Promise<Admitted | null> {
    const asked = Promise.withResolvers<Admitted | null>();
    this.#asked.set(requestId, asked);
    this.tell(item);
    return asked.promise;
  }

  heard(answers: readonly Answer[], standing: Standing): void {
    this.#standing = standing;
    for (const answer of answers) {
      const asked = this.#asked.get(answer.id);
      this.#asked.delete(answer.id);
      if (asked !== undefined) this.#resolve(asked, answer);
    }
  }

  flush(): void {
    const items = this.#items;
    this.#items = [];
    if (items.length > 0) this.#send({ kind: 'items', items });
  }

  #resolve(asked: PromiseWithResolvers<Admitted | null>, answer: Answer): void {
    const { id: requestId } = answer;
    if (answer.kind === 'none' || answer.kind === 'booked') asked.resolve(null);
    else if (answer.kind === 'refused') asked.reject(gatewayErrorOf(answer.refusal));
    else if (answer.kind === 'fault') asked.reject(unpackError(answer.error));
    else {
      const { started } = answer;
      const durable = answer.kind === 'held' ? null : unstored(answer.reason);
      const next = (attempts: number): Promise<Admitted | null> =>
        this.ask(requestId, { is: 'askAgain', requestId, attempts });
      asked.resolve({ started, durable, next });
    }
  }
}

function unstored(reason: string): Promise<void> {
  const rejected = Promise.reject<void>(new LedgerUnavailable(reason));
  // Whoever awaits it is told; until then it must not count as a rejection that nobody handles.
  rejected.catch(() => undefined);
  return rejected;
}

function gatewayErrorOf({
  code,
  message,
  param,
  context,
  retryAfterSeconds,
  status,
}: Refusal): GatewayError {
  return new GatewayError(code, message, {
    status,
    ...(param === null ? {} : { param }),
    ...(context === null ? {} : { context }),
    ...(retryAfterSeconds === null ? {} : { retryAfterSeconds }),
  });
}
