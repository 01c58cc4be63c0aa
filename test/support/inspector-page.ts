/** The modules of the inspector page, which are plain JavaScript: tests read them as they come. */
import path from 'node:path';
import type { Json } from './test-gateway.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../src/dashboard/public/inspector');

/** @param name `simulation`, `explain`, ... */
export async function pageModule(name: string): Promise<Json> {
  return await import(path.join(FOLDER, `${name}.js`));
}
