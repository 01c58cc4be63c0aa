/** `nexus`: finds the command, runs it, and turns whatever happens into an exit status and, at worst, one line. */
import { readEnvironment } from '../config/environment.ts';
import type { CommandRow, ExitCode, Session } from './command.ts';
import { COMMANDS } from './commands.ts';
import { useCompiledCode } from './compiled-code.ts';
import { UsageFailure } from './failure.ts';
import { guess, parseFlags } from './flags.ts';
import { commandHelp, groupHelp, mainHelp } from './help.ts';
import { Output } from './output.ts';
import { packageVersion } from './package-root.ts';

const GROUPS = new Set(
  COMMANDS.flatMap(({ words }) => (words.includes(' ') ? words.split(' ').slice(0, 1) : [])),
);

function rowsOf(group: string): readonly CommandRow[] {
  return COMMANDS.filter(({ words }) => words.startsWith(`${group} `));
}

async function runRow(
  row: CommandRow,
  args: readonly string[],
  session: Session,
  below: readonly CommandRow[] = [],
): Promise<ExitCode> {
  const command = await row.load();
  const flags = parseFlags(args, command.flags);
  if (flags.isSet('help')) {
    await session.out.write(commandHelp(row, command, below));
    return 0;
  }
  return await command.run(flags, session);
}

async function runGroup(
  group: string,
  args: readonly string[],
  session: Session,
): Promise<ExitCode> {
  const rows = rowsOf(group);
  const [second, ...rest] = args;
  // A word that has several commands can be one itself: `prices` beside `prices list`.
  const own = COMMANDS.find(({ words }) => words === group);
  if (own !== undefined && (second === undefined || second.startsWith('-')))
    return await runRow(own, args, session, rows);
  if (second === undefined || second === '--help' || second === '-h') {
    const text = groupHelp(group, rows);
    await (second === undefined ? session.err : session.out).write(text);
    return second === undefined ? 2 : 0;
  }
  const row = rows.find(({ words }) => words === `${group} ${second}`);
  if (row !== undefined) return await runRow(row, rest, session);
  const known = rows.map(({ words }) => words.slice(group.length + 1));
  throw new UsageFailure(
    `unknown command '${group} ${second}'${guess(second, known, `${group} `)}; it is one of ${known.join(', ')}`,
  );
}

/** Runs the command that the words name. Throws `UsageFailure` when they name none. */
async function dispatch(args: readonly string[], session: Session): Promise<ExitCode> {
  const [first, ...rest] = args;
  if (first === undefined || first === '--help' || first === '-h') {
    await (first === undefined ? session.err : session.out).write(mainHelp(COMMANDS));
    return first === undefined ? 2 : 0;
  }
  if (first === '--version' || first === '-v') {
    await session.out.line(`nexus ${session.version}`);
    return 0;
  }
  if (first === 'help') return await dispatch([...rest, '--help'], session);
  if (GROUPS.has(first)) return await runGroup(first, rest, session);
  const row = COMMANDS.find(({ words }) => words === first);
  if (row !== undefined) return await runRow(row, rest, session);
  if (first.startsWith('-'))
    throw new UsageFailure(`unknown option '${first}'; options come after the command`);
  const known = [...new Set(COMMANDS.map(({ words }) => words.split(' ')[0] ?? words))];
  throw new UsageFailure(`unknown command '${first}'${guess(first, known)}`);
}

/** The words of an error in one line; a second line would look like a second error. */
function oneLine(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

async function main(): Promise<void> {
  // `nexus ledger export | head` closes the pipe early: that is no error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The terminal was closed. What runs is told so by SIGHUP and ends in order, though nobody reads its words.
    if (error.code === 'EIO') return;
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  useCompiledCode();
  const env = readEnvironment();
  const err = new Output(process.stderr, env);
  try {
    const out = new Output(process.stdout, env);
    const session: Session = { version: packageVersion(), env, out, err };
    process.exitCode = await dispatch(process.argv.slice(2), session);
  } catch (thrown) {
    const isUsage = thrown instanceof UsageFailure;
    await err.line(`nexus: ${oneLine(thrown)}${isUsage ? " (see 'nexus --help')" : ''}`);
    process.exitCode = isUsage ? 2 : 1;
  }
}

await main();
