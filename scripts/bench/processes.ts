/** Child processes of a run, and what the kernel says of them. */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { startEnvironment, startFlags } from '../start-command.ts';

const children = new Set<ChildProcess>();

function keep(child: ChildProcess): ChildProcess {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

export interface Started {
  readonly url: string;
  readonly pid: number;
  readonly child: ChildProcess;
}

/** Compiled code of an earlier start is kept, as the command itself keeps it. */
const COMPILED = fileURLToPath(new URL('../../node_modules/.cache/nexus-bench', import.meta.url));

/** The gateway as `npm start` runs it. */
export async function startGateway(upstream: string, ledger?: string): Promise<Started> {
  const args = ledger === undefined ? [upstream] : [upstream, ledger];
  return await start('./gateway.ts', args, {
    execArgv: startFlags(),
    env: { ...process.env, ...startEnvironment(), NODE_COMPILE_CACHE: COMPILED },
  });
}

/** A script of this folder, which says its `url` in a message once it listens. */
export async function startScript(script: string, ...args: string[]): Promise<Started> {
  return await start(script, args, {});
}

async function start(
  script: string,
  args: readonly string[],
  node: { readonly execArgv?: readonly string[]; readonly env?: NodeJS.ProcessEnv },
): Promise<Started> {
  const child = keep(
    fork(fileURLToPath(new URL(script, import.meta.url)), args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [...(node.execArgv ?? [])],
      env: node.env ?? process.env,
    }),
  );
  const gone = once(child, 'exit').then(() => {
    throw new Error(`${script} ended before it listened`);
  });
  const message = (await Promise.race([once(child, 'message'), gone])) as [{ url: string }];
  gone.catch(() => undefined);
  return { url: message[0].url, pid: child.pid ?? 0, child };
}

/** Another program, quiet. Rejects when it ends before `url` answers at all. */
export async function startProgram(
  command: string,
  args: readonly string[],
  url: string,
): Promise<Started> {
  const child = keep(spawn(command, args, { stdio: 'ignore' }));
  const failures: Error[] = [];
  child.once('error', (error) => failures.push(error));
  child.once('exit', (code) => failures.push(new Error(`${command} ended with ${code}`)));
  for (let tries = 0; tries < 100; tries += 1) {
    const isUp = await fetch(url).then(
      async (answer) => answer.arrayBuffer().then(() => true),
      () => false,
    );
    if (failures[0] !== undefined) throw failures[0];
    if (isUp) return { url, pid: child.pid ?? 0, child };
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
  }
  child.kill();
  throw new Error(`${command} does not answer at ${url}`);
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

export async function stopAll(): Promise<void> {
  await Promise.all(Array.from(children, async (child) => stop(child)));
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * CPU time that all threads of a process have had, in microseconds: from the scheduler, which counts nanoseconds, or
 * else from the ticks of 10 ms. NaN where the system tells neither.
 */
export function cpuMicrosOf(pid: number): number {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const nanos = tasks.map((task) =>
      Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
    );
    return nanos.reduce((sum, each) => sum + each, 0) / 1000;
  } catch {
    return ticksOf(pid) * 10_000;
  }
}

function ticksOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return Number.NaN;
  }
}

/** Resident memory in megabytes; NaN where the system does not tell. */
export function memoryMbOf(pid: number): number {
  try {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(match?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}
