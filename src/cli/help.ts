/** The help texts, made from what the commands declare. At most 100 columns wide. */
import type { Command, CommandRow } from './command.ts';
import { HELP_FLAG, type FlagSpec } from './flags.ts';
import { wrapped } from './table.ts';

const WIDTH = 100;

function flagName(name: string, { value }: FlagSpec): string {
  const short = name === 'help' ? '-h, ' : '    ';
  return `${short}--${name}${value === undefined ? '' : ` ${value}`}`;
}

/** `name  description`, the description wrapped in its own column. */
function entries(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  const indent = ' '.repeat(width + 4);
  return rows.flatMap(([name, words]) => {
    const [first = '', ...rest] = wrapped(words, WIDTH, indent);
    return [`  ${name.padEnd(width)}  ${first.trimStart()}`, ...rest];
  });
}

/** `below`: commands of two words that begin with this one. */
export function commandHelp(
  row: CommandRow,
  command: Command,
  below: readonly CommandRow[] = [],
): string {
  const flags = Object.entries({ ...command.flags, ...HELP_FLAG });
  return [
    `nexus ${row.words}: ${row.summary}`,
    '',
    `Usage: nexus ${row.words} ${command.synopsis}`.trimEnd(),
    '',
    ...wrapped(command.about, WIDTH),
    '',
    ...(below.length === 0 ? [] : ['Commands:', ...entries(subcommands(row.words, below)), '']),
    'Options:',
    ...entries(flags.map(([name, spec]) => [flagName(name, spec), spec.help])),
    '',
    command.examples.length === 1 ? 'Example:' : 'Examples:',
    ...command.examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}

function subcommands(
  word: string,
  rows: readonly CommandRow[],
): readonly (readonly [string, string])[] {
  return rows.map(({ words, summary }) => [words.slice(word.length + 1), summary]);
}

/** What can follow a first word that has several commands, such as `ledger`. */
export function groupHelp(word: string, rows: readonly CommandRow[]): string {
  return [
    `Usage: nexus ${word} <command> [options]`,
    '',
    'Commands:',
    ...entries(subcommands(word, rows)),
    '',
    'Example:',
    `  nexus ${rows[0]?.words ?? word} --help`,
    '',
  ].join('\n');
}

export function mainHelp(rows: readonly CommandRow[]): string {
  return [
    'Nexus: an LLM gateway that cannot overspend.',
    '',
    'Usage: nexus <command> [options]',
    '',
    'Commands:',
    ...entries(rows.map(({ words, summary }) => [words, summary])),
    '',
    'Options:',
    ...entries([
      ['-h, --help', 'Show this text, or that of a command.'],
      ['-v, --version', 'Show the version.'],
    ]),
    '',
    'Examples:',
    '  nexus demo',
    '  nexus serve --config nexus.toml',
    '  nexus ledger export --help',
    '',
    'Exit status: 0 when it worked, 1 when it did not, 2 when the command was written wrongly.',
    '',
  ].join('\n');
}
