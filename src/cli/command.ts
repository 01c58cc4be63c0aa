/** What a command is: the words of its help, its flags, and what it does. */
import type { Environment } from '../config/environment.ts';
import type { Flags, FlagSpec } from './flags.ts';
import type { Output } from './output.ts';

/** 0: done; 1: it did not work; 2: written wrongly; 130: cut short by a second signal or by Ctrl-C. */
export type ExitCode = 0 | 1 | 2 | 130;

/** What a command works with, beside its flags. */
export interface Session {
  readonly version: string;
  readonly env: Environment;
  /** For what the command was asked for: tables, JSON, exports. */
  readonly out: Output;
  /** For what is said meanwhile, so that `out` can be piped. */
  readonly err: Output;
}

export interface Command<Name extends string = string> {
  /** What comes after the command's own words, such as `[--config FILE]`. */
  readonly synopsis: string;
  /** A paragraph or two for `--help`. */
  readonly about: string;
  readonly flags: Readonly<Record<Name, FlagSpec>>;
  /** Complete command lines. */
  readonly examples: readonly string[];
  /** Throws `CommandFailure` or `UsageFailure` with one line for the reader. */
  run(flags: Flags<Name>, session: Session): Promise<ExitCode>;
}

/** Lets the compiler hold `run` to the flags that the command declares. */
export function command<const Name extends string>(definition: Command<Name>): Command {
  return definition;
}

/** A row of the table of commands. The command itself is loaded when it is asked for, so that `--help` is quick. */
export interface CommandRow {
  /** One word, or two: `ledger list`. */
  readonly words: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}
