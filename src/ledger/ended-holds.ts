/** The holds that ended lately, so that a second end of one is recognised without asking the store. */
import type { EndedHold } from './hold-history.ts';

const GENERATION_SIZE = 5000;

/** Bounded: keeps between one and two generations, and forgets the older one as a whole. */
export class EndedHolds {
  #young = new Map<string, EndedHold>();
  #old = new Map<string, EndedHold>();

  remember(ended: EndedHold): void {
    if (this.#young.size >= GENERATION_SIZE) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(ended.hold.id, ended);
  }

  get(holdId: string): EndedHold | undefined {
    return this.#young.get(holdId) ?? this.#old.get(holdId);
  }
}
