import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { command } from '../command.ts';
import { CommandFailure } from '../failure.ts';
import { packageRoot } from '../package-root.ts';

const DEFAULT_OUTPUT = 'nexus.toml';

/** The config that `npm start` runs, without the line for editors: the schema that it names is not beside the copy. */
async function readExample(): Promise<string> {
  const text = await readFile(path.join(packageRoot(), 'config', 'nexus.toml'), 'utf8');
  return text.replace(/^#:schema .*\n/, '');
}

function writeFailure(thrown: unknown, file: string): CommandFailure {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
  if (code === 'EEXIST')
    return new CommandFailure(`${file} is there already; add --force to overwrite it`);
  if (code === 'ENOENT')
    return new CommandFailure(`the folder of ${file} does not exist; make it first`);
  return new CommandFailure(`cannot write ${file} (${code})`);
}

export const configInit = command({
  synopsis: '[--output FILE] [--force]',
  about:
    'Writes an annotated example config that runs as it is. An existing file is left alone unless --force is given.',
  flags: {
    output: { value: 'FILE', help: `File to write; ${DEFAULT_OUTPUT} by default.` },
    force: { help: 'Overwrite the file.' },
  },
  examples: ['nexus config init --output nexus.toml'],
  async run(flags, session) {
    const file = flags.text('output') ?? DEFAULT_OUTPUT;
    const example = await readExample();
    try {
      await writeFile(file, example, { flag: flags.isSet('force') ? 'w' : 'wx' });
    } catch (thrown) {
      throw writeFailure(thrown, file);
    }
    await session.out.line(`${file} is written. Run it with: nexus serve --config ${file}`);
    return 0;
  },
});
