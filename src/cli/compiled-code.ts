/**
 * The code of the last start, kept beside the packages: a start finds it compiled, which takes a third of its time away.
 * Where the folder can not be written, nothing is kept and nothing is lost. `NODE_DISABLE_COMPILE_CACHE=1` forbids it.
 */
import { enableCompileCache, flushCompileCache } from 'node:module';
import path from 'node:path';
import { packageRoot } from './package-root.ts';

/** From here on modules are read from what was kept. */
export function useCompiledCode(): void {
  enableCompileCache(path.join(packageRoot(), 'node_modules', '.cache', 'nexus'));
}

/** Keeps what was compiled so far; without this it is kept at the end of a process, and lost with one that is killed. */
export function keepCompiledCode(): void {
  flushCompileCache();
}
