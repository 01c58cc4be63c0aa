import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { COMMANDS } from '../../src/cli/commands.ts';
import { runCli } from '../support/run-cli.ts';

const packageFile = path.resolve(import.meta.dirname, '../../package.json');

describe('the help of the command line', () => {
  it('lists every command when asked for help', async () => {
    const { stdout, code } = await runCli(['--help']);

    expect(code).toBe(0);
    for (const { words, summary } of COMMANDS)
      expect(stdout).toMatch(new RegExp(`^  ${words} +${summary.slice(0, 20)}`, 'm'));
  });

  it('shows the same help, as an error, when no command is given', async () => {
    const [asked, bare] = await Promise.all([runCli(['--help']), runCli([])]);

    expect(bare).toEqual({ stdout: '', stderr: asked.stdout, code: 2 });
  });

  it('tells the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };

    expect(await runCli(['--version'])).toEqual({
      stdout: `nexus ${version}\n`,
      stderr: '',
      code: 0,
    });
  });

  it.each(COMMANDS.map(({ words }) => words))(
    'explains `%s` with an example, in no more than 100 columns',
    async (words) => {
      const { stdout, stderr, code } = await runCli([...words.split(' '), '--help']);

      expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
      expect(stdout).toContain(`Usage: nexus ${words}`);
      expect(stdout).toMatch(new RegExp(`^Examples?:\n  nexus ${words}`, 'm'));
      expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    },
  );

  it('explains a command that is asked for by `help`, and by a wrong flag beside --help', async () => {
    const [plain, byWord, beside] = await Promise.all([
      runCli(['clock', '--help']),
      runCli(['help', 'clock']),
      runCli(['clock', '--nonsense', '-h']),
    ]);

    expect(plain.stdout).toContain('nexus clock --advance 1d');
    expect(byWord).toEqual(plain);
    expect(beside).toEqual(plain);
  });

  it('lists what can follow a word that has several commands', async () => {
    const [asked, bare] = await Promise.all([runCli(['ledger', '--help']), runCli(['ledger'])]);

    expect(asked.code).toBe(0);
    for (const word of ['list', 'export', 'verify']) expect(asked.stdout).toContain(`  ${word}`);
    expect(bare).toEqual({ stdout: '', stderr: asked.stdout, code: 2 });
  });
});

describe('a command line that is written wrongly', () => {
  it.each([
    [['serv'], "unknown command 'serv'; did you mean 'serve'?"],
    [['bugdet'], "unknown command 'bugdet'; did you mean 'budget'?"],
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['--json', 'budget'], "unknown option '--json'; options come after the command"],
    [
      ['ledger', 'exprot'],
      "unknown command 'ledger exprot'; did you mean 'ledger export'?; it is one of list, export, verify",
    ],
    [['budget', '--jsno'], "unknown option '--jsno'; did you mean '--json'?"],
    [['serve', '--confg', 'x'], "unknown option '--confg'; did you mean '--config'?"],
    [['models', '--frobnicate'], "unknown option '--frobnicate'"],
    [['models', '-x'], "unknown option '-x'"],
    [['models', 'json'], "unexpected word 'json'; did you mean '--json'?"],
    [['serve', '--config'], '--config needs a value: --config FILE'],
    [['serve', '--config='], '--config needs a value: --config FILE'],
    [
      ['serve', '--config', '--port', '1'],
      "--config needs a value before '--port'; a value that starts with a dash is written --config=--port",
    ],
    [['models', '--json=yes'], '--json is a switch and takes no value'],
    [['serve', '--port', '70000'], "--port must be a whole number from 0 to 65535, not '70000'"],
    [['serve', '--port', 'http'], "--port must be a whole number from 0 to 65535, not 'http'"],
    [
      ['serve', '--log-level', 'infos'],
      "--log-level must be one of error, warn, info, debug, not 'infos'; did you mean 'info'?",
    ],
    [
      ['models', '--url', 'localhost'],
      "'localhost' is not a URL; write it like http://127.0.0.1:8000",
    ],
    [
      ['models', '--url', 'ftp://x'],
      "'ftp://x' is not an http or https URL; write it like http://127.0.0.1:8000",
    ],
    [
      ['models', '--url', 'http://me:secret@x'],
      'the URL must not hold a user or password; use --api-key-env for the key',
    ],
    [['estimate', '--model', 'm'], 'give either --prompt TEXT or --file FILE'],
    [['estimate', '--prompt', 'x'], '--prompt needs a model beside it: --model MODEL'],
    [
      ['estimate', '--prompt', 'x', '--model', 'm', '--route', 'chat'],
      '--route says whose body a file holds: give it with --file',
    ],
    [
      ['estimate', '--file', 'x', '--route', 'respones'],
      "--route must be one of chat, completions, embeddings, messages, responses, not 'respones'; did you mean 'responses'?",
    ],
    [
      ['clock', '--advance', 'tomorrow'],
      "--advance must be a duration such as 30s, 5m, 2h or 1d, not 'tomorrow'",
    ],
    [['clock', '--advance', '1d', '--to', 'x'], 'give --to or --advance, not both'],
    [['ledger', 'verify', '--ledger', 'a', '--config', 'b'], 'give --ledger or --config, not both'],
    [
      ['ledger', 'list', '--kind', 'charges'],
      "--kind must be one of hold, void, charge, suspend, resolve, adjust, not 'charges'; did you mean 'charge'?",
    ],
  ])('answers `nexus %j` with one line and 2', async (args, line) => {
    const { stdout, stderr, code } = await runCli(args);

    expect(stderr).toBe(`nexus: ${line} (see 'nexus --help')\n`);
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
  });
});
