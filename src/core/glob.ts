/**
 * Patterns over model names: `*` (any text, also across `/`), `?` (one character), `[a-z]` and `[!a-z]`, `{this,that}`
 * (nested too), and `\` before a character that is meant literally. Case matters.
 *
 * Matching walks all possibilities side by side instead of backtracking, so its time is bounded by the length of the
 * pattern times the length of the name, whatever either holds: both come from people.
 */

const MAX_PATTERN_LENGTH = 512;

/** A pattern that can not be read. The message says what is wrong; the caller adds where. */
export class GlobError extends Error {
  override readonly name = 'GlobError';
}

export interface Glob {
  readonly pattern: string;
  /** True when the whole of `text` matches. */
  matches(text: string): boolean;
}

/** A place in the pattern. With `accepts` it waits for such a character; without, it leads on at once. */
interface State {
  readonly accepts: ((character: string) => boolean) | null;
  readonly next: State[];
}

function passage(): State {
  return { accepts: null, next: [] };
}

class GlobParser {
  readonly #pattern: string;
  readonly #characters: readonly string[];
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
    this.#characters = Array.from(pattern);
  }

  parse(from: State): State {
    return this.#sequence(from, 0);
  }

  /** Reads up to the end or, inside braces, up to `,` or `}`. Returns the state in which the part ends. */
  #sequence(from: State, depth: number): State {
    let last = from;
    for (let character = this.#peek(); character !== undefined; character = this.#peek()) {
      if (depth > 0 && (character === ',' || character === '}')) break;
      this.#at += 1;
      last = this.#item(last, character, depth);
    }
    return last;
  }

  #item(from: State, character: string, depth: number): State {
    switch (character) {
      case '*':
        return anyText(from);
      case '?':
        return one(from, () => true);
      case '[':
        return one(from, this.#set());
      case '{':
        return this.#alternatives(from, depth + 1);
      case '\\':
        return literal(from, this.#take('ends with a \\ that escapes nothing'));
      default:
        return literal(from, character);
    }
  }

  #alternatives(from: State, depth: number): State {
    const join = passage();
    for (let separator = ','; separator === ',';) {
      const start = passage();
      from.next.push(start);
      this.#sequence(start, depth).next.push(join);
      separator = this.#take('has a { without its }');
    }
    return join;
  }

  #set(): (character: string) => boolean {
    const unclosed = 'has a [ without its ]';
    const isNegated = this.#peek() === '!' || this.#peek() === '^';
    if (isNegated) this.#at += 1;
    const ranges: { readonly from: string; readonly to: string }[] = [];
    // A `]` that comes first is a member of the set, as in every shell.
    for (
      let from = this.#take(unclosed);
      ranges.length === 0 || from !== ']';
      from = this.#take(unclosed)
    ) {
      const isRange = this.#peek() === '-' && this.#characters[this.#at + 1] !== ']';
      if (isRange) this.#at += 1;
      const to = isRange ? this.#take(unclosed) : from;
      if (to < from)
        throw this.#error(`has the range ${from}-${to}, whose end comes before its start`);
      ranges.push({ from, to });
    }
    return (character) =>
      ranges.some(({ from, to }) => from <= character && character <= to) !== isNegated;
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #take(problem: string): string {
    const character = this.#peek();
    if (character === undefined) throw this.#error(problem);
    this.#at += 1;
    return character;
  }

  #error(problem: string): GlobError {
    return new GlobError(`the pattern ${JSON.stringify(this.#pattern)} ${problem}`);
  }
}

function one(from: State, accepts: (character: string) => boolean): State {
  const state: State = { accepts, next: [] };
  from.next.push(state);
  return state;
}

function literal(from: State, expected: string): State {
  return one(from, (character) => character === expected);
}

function anyText(from: State): State {
  const loop = passage();
  from.next.push(loop);
  loop.next.push({ accepts: () => true, next: [loop] });
  return loop;
}

/** Enters a state, and every further one that is reached without a character. */
function enter(state: State, into: Set<State>): void {
  if (into.has(state)) return;
  into.add(state);
  if (state.accepts !== null) return;
  for (const next of state.next) enter(next, into);
}

function walk(start: State, end: State, text: string): boolean {
  let current = new Set<State>();
  enter(start, current);
  for (const character of text) {
    const following = new Set<State>();
    for (const state of current) {
      if (state.accepts?.(character) === true)
        for (const next of state.next) enter(next, following);
    }
    if (following.size === 0) return false;
    current = following;
  }
  return current.has(end);
}

/** Reads a pattern. Throws `GlobError`. */
export function parseGlob(pattern: string): Glob {
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw new GlobError(`the pattern is longer than ${MAX_PATTERN_LENGTH} characters`);
  }
  const start = passage();
  const end = passage();
  new GlobParser(pattern).parse(start).next.push(end);
  return { pattern, matches: (text) => walk(start, end, text) };
}
