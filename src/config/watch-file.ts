/**
 * Notices that a file is another one than before. It looks twice a second instead of being told: what a kernel tells
 * of files is lost where a file is bind-mounted into a container, lies on a network, or is a link that Kubernetes turns
 * to a new folder, and an editor that replaces the file by a rename takes the watch away with it.
 */
import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import type { Clock } from '../core/clock.ts';

const POLL_MS = 500;

function stateOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join();
}

const MISSING = 'missing';

async function look(file: string): Promise<string> {
  try {
    return stateOf(await stat(file, { bigint: true }));
  } catch {
    return MISSING;
  }
}

function lookAtOnce(file: string): string {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? MISSING : stateOf(found);
}

export interface FileWatch {
  /** Whoever reads the file by himself says so before, and is not called for what he is about to read. */
  readNow(): void;
  stop(): void;
}

/**
 * Calls `changed` once the file differs from what it was and has stayed the same from one look to the next: a file that
 * is still being written is not half read.
 */
export function watchFile(file: string, clock: Clock, changed: () => void): FileWatch {
  let told = lookAtOnce(file);
  let seen = told;
  let isStopped = false;
  let timer: unknown;
  const poll = async (): Promise<void> => {
    const state = await look(file);
    if (isStopped) return;
    const isSettled = state === seen;
    seen = state;
    if (isSettled && state !== told) {
      told = state;
      changed();
    }
    timer = clock.setTimeout(tick, POLL_MS);
  };
  const tick = (): void => void poll();
  timer = clock.setTimeout(tick, POLL_MS);
  return {
    readNow() {
      told = lookAtOnce(file);
    },
    stop() {
      isStopped = true;
      clock.clearTimeout(timer);
    },
  };
}
