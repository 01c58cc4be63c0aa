/** Flags of a command: parsed by Node, judged here, so that a wrong one is answered with the right spelling. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { nearest } from '../config/nearest.ts';
import { assert } from '../core/assert.ts';
import { UsageFailure } from './failure.ts';

export interface FlagSpec {
  /** Word that stands for the value in the help, such as `FILE`; absent for a switch. */
  readonly value?: string;
  readonly help: string;
}

export const HELP_FLAG: Readonly<Record<'help', FlagSpec>> = {
  help: { help: 'Show this text.' },
};

/** The flags that were given, by the names that the command declares. */
export class Flags<Name extends string = string> {
  readonly #given: ReadonlyMap<string, string | true>;

  constructor(given: ReadonlyMap<string, string | true>) {
    this.#given = given;
  }

  isSet(name: Name): boolean {
    return this.#given.has(name);
  }

  text(name: Name): string | undefined {
    const value = this.#given.get(name);
    return typeof value === 'string' ? value : undefined;
  }

  /** A whole number from `least` to `most`. Throws `UsageFailure`. */
  whole(name: Name, least: number, most: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= least && number <= most) return number;
    throw new UsageFailure(
      `--${name} must be a whole number from ${least} to ${most}, not '${text}'`,
    );
  }

  /** One of the given words. Throws `UsageFailure` with the nearest one. */
  oneOf<const Word extends string>(name: Name, words: readonly Word[]): Word | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    throw new UsageFailure(
      `--${name} must be one of ${words.join(', ')}, not '${text}'${guess(text, words)}`,
    );
  }
}

/** `; did you mean 'x'?` where something is near enough, else nothing. */
export function guess(word: string, known: readonly string[], prefix = ''): string {
  const best = nearest(word, known);
  return best === null ? '' : `; did you mean '${prefix}${best}'?`;
}

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number];
type OptionToken = Extract<Token, { kind: 'option' }>;

function readOption(
  token: OptionToken,
  specs: Readonly<Record<string, FlagSpec>>,
): [string, string | true] {
  const { name, rawName, value, inlineValue } = token;
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
  if (spec === undefined) {
    throw new UsageFailure(`unknown option '${rawName}'${guess(name, Object.keys(specs), '--')}`);
  }
  if (spec.value === undefined) {
    if (inlineValue) throw new UsageFailure(`--${name} is a switch and takes no value`);
    return [name, true];
  }
  if (value === undefined || value === '') {
    throw new UsageFailure(`--${name} needs a value: --${name} ${spec.value}`);
  }
  if (!inlineValue && value.length > 1 && value.startsWith('-')) {
    throw new UsageFailure(
      `--${name} needs a value before '${value}'; a value that starts with a dash is written --${name}=${value}`,
    );
  }
  return [name, value];
}

/** Parses the words after a command. Throws `UsageFailure`. The last of a repeated flag wins. */
export function parseFlags(
  args: readonly string[],
  specs: Readonly<Record<string, FlagSpec>>,
): Flags {
  const all = { ...specs, ...HELP_FLAG };
  const options: NonNullable<ParseArgsConfig['options']> = {};
  for (const [name, spec] of Object.entries(all)) {
    options[name] = {
      type: spec.value === undefined ? 'boolean' : 'string',
      ...(name === 'help' ? { short: 'h' } : {}),
    };
  }
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  assert(tokens !== undefined, 'parseArgs was asked for tokens');
  const given = new Map<string, string | true>();
  // Help wins over whatever is wrong beside it: who asks for help may not know the flags yet.
  if (tokens.some((token) => token.kind === 'option' && token.name === 'help')) {
    return new Flags(new Map([['help', true]]));
  }
  for (const token of tokens) {
    if (token.kind === 'positional') {
      throw new UsageFailure(
        `unexpected word '${token.value}'${guess(token.value, Object.keys(specs), '--')}`,
      );
    }
    if (token.kind === 'option') given.set(...readOption(token, all));
  }
  return new Flags(given);
}
