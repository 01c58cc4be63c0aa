/** What went wrong first, and what happened just before it. */
const KEPT_EVENTS = 60;

export class Verdict {
  /** The first rule that was broken, in words; null while all is well. */
  violation: string | null = null;
  step = 0;
  readonly #events: (readonly [step: number, what: string, detail: unknown])[] = [];
  #at = 0;
  readonly #say: ((line: string) => void) | null;

  /** With `say` every event is told at once. */
  constructor(say: ((line: string) => void) | null) {
    this.#say = say;
  }

  note(what: string, detail: unknown = ''): void {
    this.#events[this.#at % KEPT_EVENTS] = [this.step, what, detail];
    this.#at += 1;
    if (this.#say !== null) this.#say(lineOf([this.step, what, detail]));
  }

  /** Only the first violation counts: what follows from it is noise. */
  fail(rule: string): void {
    if (this.violation !== null) return;
    this.violation = rule;
    this.note('VIOLATION', rule);
  }

  check(isRight: boolean, rule: () => string): void {
    if (!isRight) this.fail(rule());
  }

  /** The last events, oldest first. */
  lines(): readonly string[] {
    const from = this.#at % KEPT_EVENTS;
    const events = [...this.#events.slice(from), ...this.#events.slice(0, from)];
    return events.map(lineOf);
  }
}

function lineOf([step, what, detail]: readonly [number, string, unknown]): string {
  const text = typeof detail === 'string' ? detail : JSON.stringify(detail);
  return `${String(step).padStart(7)}  ${what} ${text}`.trimEnd();
}
