/** The real `nexus serve` in a process of its own, which a test can stop or kill. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { clientOf, type GatewayClient } from './test-gateway.ts';

/** Not the launcher: a signal must reach the gateway itself. */
const ENTRY = path.resolve(import.meta.dirname, '../../src/cli/main.ts');
const LISTENS = /listens on (http:\/\/\S+)/;

export interface GatewayProcess extends GatewayClient {
  readonly output: () => string;
  /** Sends a signal. */
  readonly signal: (name: NodeJS.Signals) => void;
  /** Exit code, or the signal that ended it. */
  readonly exit: Promise<number | NodeJS.Signals>;
}

/** Spawns it without waiting for anything. */
function spawnServe(
  configPath: string,
  env: Readonly<Record<string, string>>,
): { child: ChildProcess; output: () => string; exit: GatewayProcess['exit'] } {
  const child = spawn(process.execPath, [ENTRY, 'serve', '--config', configPath, '--port', '0'], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  const exit = once(child, 'exit').then(
    ([code, signal]) => (code ?? signal) as number | NodeJS.Signals,
  );
  return { child, output: () => text, exit };
}

/** Resolves when it listens. Rejects with its output when it ends before. */
export async function startGatewayProcess(
  configPath: string,
  env: Readonly<Record<string, string>> = {},
): Promise<GatewayProcess> {
  const { child, output, exit } = spawnServe(configPath, env);
  const url = await new Promise<string>((resolve, reject) => {
    const look = (): void => {
      const found = LISTENS.exec(output())?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout?.on('data', look);
    void exit.then((code) => reject(new Error(`nexus serve ended with ${code}: ${output()}`)));
  });
  return { ...clientOf(url), output, exit, signal: (name) => child.kill(name) };
}

/** Runs it where it is expected to end by itself. */
export async function failingGatewayProcess(
  configPath: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | NodeJS.Signals; readonly output: string }> {
  const { output, exit } = spawnServe(configPath, env);
  const code = await exit;
  return { code, output: output() };
}
