import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startEnvironment, startFlags } from '../../scripts/start-command.ts';

const guard = path.resolve(import.meta.dirname, '../../src/cli/nexus.cjs');

/** Answers with its own path inside the package and its arguments, and exits with 7. */
const echo = `
  import path from 'node:path';
  const root = path.join(process.argv[1].split('/package/')[0], 'package');
  console.log(JSON.stringify([path.relative(root, process.argv[1]), ...process.argv.slice(2)]));
  process.exitCode = 7;
`;

/** Says when it is up, and leaves with 3 once it is asked to. */
const patient = `
  const alive = setInterval(() => {}, 1000);
  process.on('SIGTERM', () => { clearInterval(alive); process.exitCode = 3; });
  console.log('ready');
`;

describe('the nexus command', () => {
  let sandbox: string;
  let root: string;

  beforeEach(async () => {
    sandbox = await mkdtemp(path.join(tmpdir(), 'nexus-guard-'));
    root = path.join(sandbox, 'package');
    await place('package.json', '{ "type": "module" }');
    await mkdir(path.join(root, 'src/cli'), { recursive: true });
    await cp(guard, path.join(root, 'src/cli/nexus.cjs'));
  });

  afterEach(() => rm(sandbox, { recursive: true, force: true }));

  async function place(file: string, content: string): Promise<string> {
    const target = path.join(root, file);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, content);
    return target;
  }

  /** Makes the Node that runs the guard, and only that one, look older than it is. */
  async function pretendOldNode(): Promise<string[]> {
    const preload = await place(
      'old-node.cjs',
      "Object.defineProperty(process, 'version', { value: 'v20.20.2' });",
    );
    return ['--require', preload];
  }

  function start(args: string[], nodeArgs: string[] = [], env: NodeJS.ProcessEnv = {}) {
    return spawn(process.execPath, [...nodeArgs, path.join(root, 'src/cli/nexus.cjs'), ...args], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async function outcome(child: ReturnType<typeof start>) {
    const [stdout, stderr, [code, signal]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
    ]);
    return { stdout, stderr, code, signal };
  }

  async function untilReady(child: ChildProcess): Promise<void> {
    if (child.stdout) await once(child.stdout, 'data');
  }

  it('hands every argument to the sources of a checkout, and their exit code back', async () => {
    await place('src/cli/main.ts', `const typed: number = 1; ${echo}`);
    await place('dist/src/cli/main.js', 'throw new Error("a stale build must not run");');

    const { stdout, code } = await outcome(start(['serve', '--config', 'a b.toml', '']));

    expect(JSON.parse(stdout)).toEqual(['src/cli/main.ts', 'serve', '--config', 'a b.toml', '']);
    expect(code).toBe(7);
  });

  it('runs the emitted JavaScript where there are no sources, as in the published package', async () => {
    await place('dist/src/cli/main.js', echo);

    const { stdout, code } = await outcome(start(['check']));

    expect(JSON.parse(stdout)).toEqual(['dist/src/cli/main.js', 'check']);
    expect(code).toBe(7);
  });

  it('gives to Node what npm start and the Dockerfile give', async () => {
    const tell =
      'console.log(JSON.stringify({ flags: process.execArgv, pools: process.env.MALLOC_ARENA_MAX }));';
    await place('dist/src/cli/main.js', tell);
    const { stdout } = await outcome(start(['serve']));
    const { flags, pools } = JSON.parse(stdout) as { flags: string[]; pools: string };
    expect(flags).toContain('--max-semi-space-size=16');
    expect(pools).toBe('1');
    const read = (file: string): Promise<string> =>
      readFile(path.resolve(import.meta.dirname, '../..', file), 'utf8');
    expect(await read('package.json')).toContain(
      `"MALLOC_ARENA_MAX=${pools} exec node ${flags.join(' ')} src/cli/main.ts`,
    );
    // And what benchmarks, soak and crash loop run.
    expect(startFlags()).toEqual(flags);
    expect(startEnvironment()).toEqual({ MALLOC_ARENA_MAX: pools });
    const quoted = flags.map((flag) => `"${flag}"`).join(', ');
    const dockerfile = await read('Dockerfile');
    expect(dockerfile).toContain(`ENV MALLOC_ARENA_MAX=${pools}\n`);
    expect(dockerfile).toContain(`CMD ["node", ${quoted}, "src/cli/main.ts"`);
    // Who sets it has a reason.
    const own = await outcome(start(['serve'], [], { MALLOC_ARENA_MAX: '4' }));
    expect(JSON.parse(own.stdout)).toMatchObject({ pools: '4' });
  });

  it('says in one line what is needed when no suitable Node is found', async () => {
    await place('dist/src/cli/main.js', echo);

    const { stdout, stderr, code } = await outcome(start(['serve'], await pretendOldNode()));

    expect(stderr).toBe(
      'nexus: needs Node.js 24 or newer, and this is v20.20.2. ' +
        'Install a newer Node.js, or point NEXUS_NODE at one.\n',
    );
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });

  it('falls back to the Node installed beside the package', async () => {
    await place('dist/src/cli/main.js', echo);
    const bundled = `node_modules/node-${process.platform}-${process.arch}`;
    await place(`${bundled}/package.json`, '{}');
    await mkdir(path.join(root, bundled, 'bin'));
    await symlink(process.execPath, path.join(root, bundled, 'bin/node'));

    const { stdout, code } = await outcome(start(['check'], await pretendOldNode()));

    expect(JSON.parse(stdout)).toEqual(['dist/src/cli/main.js', 'check']);
    expect(code).toBe(7);
  });

  it('runs the Node that NEXUS_NODE names, whatever else there is', async () => {
    await place('dist/src/cli/main.js', echo);
    const env = { NEXUS_NODE: process.execPath };

    const { code } = await outcome(start(['check'], await pretendOldNode(), env));

    expect(code).toBe(7);
  });

  it('says in one line that the Node named by NEXUS_NODE cannot be run', async () => {
    const { stderr, code } = await outcome(start([], [], { NEXUS_NODE: '/nowhere/node' }));

    expect(stderr).toBe('nexus: cannot run /nowhere/node (spawn /nowhere/node ENOENT).\n');
    expect(code).toBe(1);
  });

  it('passes a request to stop on, and waits for an orderly end', async () => {
    await place('dist/src/cli/main.js', patient);
    const child = start(['serve']);
    await untilReady(child);

    child.kill('SIGTERM');

    expect(await outcome(child)).toMatchObject({ code: 3, signal: null });
  });

  it('ends by the same signal as the gateway did', async () => {
    await place('dist/src/cli/main.js', patient.replace('SIGTERM', 'SIGUSR2'));
    const child = start(['serve']);
    await untilReady(child);

    child.kill('SIGTERM');

    expect(await outcome(child)).toMatchObject({ code: null, signal: 'SIGTERM' });
  });
});
