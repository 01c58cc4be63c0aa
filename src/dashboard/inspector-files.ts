/**
 * The modules that the inspector page runs: the very files of the charts and of the control plane, from where they lie.
 * In a checkout their types are stripped as they are asked for; the published package holds them as JavaScript.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import path from 'node:path';

/** Where the page finds them; below it the folders are those of the project, so that relative imports stay true. */
export const FILES_PATH = '/inspector/files';

/** The top of the project, or `dist` in the published package, which has the same shape. */
const TOP = path.resolve(import.meta.dirname, '..', '..');

/** Folders and single files that the page may read; a module is named without its ending, which differs in `dist`. */
const SERVED = [
  'machines',
  'src/core',
  'src/control',
  'src/routing',
  'src/http/choose-attempt',
  'src/http/plan-attempt',
  'src/http/refusal',
  'src/telemetry/actor-journal',
  'src/telemetry/bounded-json',
  'src/dashboard/inspector-view',
  'src/dashboard/public/dashboard.svg',
  'src/dashboard/public/dashboard-elements',
  'src/dashboard/public/inspector',
];

const TYPES: Readonly<Record<string, string>> = {
  '.ts': 'text/javascript',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

export interface ServedFile {
  readonly type: string;
  readonly body: string;
}

/** Every file that may be asked for, by its path below `FILES_PATH`. Nothing else is ever opened. */
function listFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const add = (file: string): void => {
    const isServed = path.extname(file) in TYPES && !file.endsWith('.d.ts');
    const route = path.relative(TOP, file).split(path.sep).join('/').replace(/\.ts$/, '.js');
    if (isServed) files.set(`/${route}`, file);
  };
  for (const served of SERVED) {
    const place = path.join(TOP, served);
    const entry = statSync(place, { throwIfNoEntry: false });
    if (entry?.isDirectory()) for (const name of readdirSync(place)) add(path.join(place, name));
    else if (entry) add(place);
    else for (const ending of ['.ts', '.js']) if (existsSync(place + ending)) add(place + ending);
  }
  const xstate = path.dirname(createRequire(import.meta.url).resolve('xstate/package.json'));
  for (const name of readdirSync(path.join(xstate, 'dist')))
    if (/^[^.]+\.esm\.js$/.test(name))
      files.set(`/xstate/${name}`, path.join(xstate, 'dist', name));
  return files;
}

/** Node warns at its first use that this may change; who opens a page should not find that in the gateway's log. */
function stripTypesQuietly(source: string): string {
  const emitWarning = Object.getOwnPropertyDescriptor(process, 'emitWarning');
  Object.defineProperty(process, 'emitWarning', { value: () => undefined, configurable: true });
  try {
    return stripTypeScriptTypes(source);
  } finally {
    Reflect.deleteProperty(process, 'emitWarning');
    if (emitWarning) Object.defineProperty(process, 'emitWarning', emitWarning);
  }
}

/** Points imports at what is served: browsers know neither packages nor TypeScript. One module, one address. */
function pointImports(code: string): string {
  return code.replaceAll(
    /(\b(?:from|import)\s*\(?\s*)'(xstate|\.{1,2}\/[^']+)'/g,
    (_whole, before: string, specifier: string) =>
      specifier === 'xstate'
        ? `${before}'${FILES_PATH}/xstate/xstate.esm.js'`
        : `${before}'${specifier.replace(/\.ts$/, '.js')}'`,
  );
}

function readModule(file: string): string {
  const source = readFileSync(file, 'utf8');
  return pointImports(file.endsWith('.ts') ? stripTypesQuietly(source) : source);
}

/** Looks files up by their path, reads each once, and knows no others. */
export function createInspectorFiles(): (route: string) => ServedFile | null {
  let files: ReadonlyMap<string, string> | null = null;
  const read = new Map<string, ServedFile>();
  return (route) => {
    files ??= listFiles();
    const file = files.get(route);
    if (file === undefined) return null;
    const known = read.get(route);
    if (known !== undefined) return known;
    const type = TYPES[path.extname(file)] ?? '';
    const body = type === 'text/javascript' ? readModule(file) : readFileSync(file, 'utf8');
    const served = { type, body };
    read.set(route, served);
    return served;
  };
}
