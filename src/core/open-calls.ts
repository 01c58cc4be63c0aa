/** The upstream calls of a process, which a shutdown gives up all at once when its time is over. */
import { Roster, type Place } from './roster.ts';

export type CallPlace = Place<AbortController>;

export class OpenCalls {
  readonly #calls = new Roster<AbortController>();
  #isOver = false;

  /** Aborts the call when it is given up; at once, when that has happened already. */
  add(call: AbortController): CallPlace {
    if (this.#isOver) call.abort();
    return this.#calls.add(call);
  }

  /** The call has ended. */
  remove(place: CallPlace): void {
    this.#calls.remove(place);
  }

  /** Gives up every call, and each that begins later. */
  giveUp(): void {
    this.#isOver = true;
    for (const call of this.#calls.items()) call.abort();
  }
}
