/** What is measured: the backend itself, and what can stand before it. */
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort, startGateway, startProgram, startScript, type Started } from './processes.ts';

export interface Target {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The body of the next request. */
  readonly nextBody: () => Buffer;
  /** Writes answers anew: what it says is compared, not its bytes. */
  readonly rewrites: boolean;
}

export interface Targets {
  readonly upstream: Started;
  readonly all: readonly Target[];
  /** What is not measured, and why. */
  readonly skipped: readonly string[];
}

const WORDS =
  'a gateway holds the worst case of every request before it is sent and settles what it really cost when it ends'.split(
    ' ',
  );
/** More prompts than any cache of token counts is meant for; each is asked again only after all the others. */
const PROMPTS = 4096;

/** About 180 tokens that differ from request to request, as real prompts do. */
function promptOf(index: number): string {
  const words = Array.from(
    { length: 160 },
    (_, at) => WORDS[(index * 31 + at * at * 7 + at) % WORDS.length],
  );
  return `${index}: ${words.join(' ')}`;
}

export function chatBody(more: object): Buffer {
  return Buffer.from(JSON.stringify({ model: 'gpt-4o', max_tokens: 256, ...more }));
}

/** Bodies with ever other prompts, for a model. */
export function bodies(model: string): () => Buffer {
  const made = Array.from({ length: PROMPTS }, (_, index) =>
    chatBody({ model, messages: [{ role: 'user', content: promptOf(index) }] }),
  );
  let next = 0;
  return () => {
    next = (next + 1) % made.length;
    return made[next] ?? Buffer.alloc(0);
  };
}

function nginxPath(): string | null {
  for (const file of ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/opt/homebrew/bin/nginx'])
    if (existsSync(file)) return file;
  return null;
}

function nginxConfig(folder: string, port: number, upstream: URL): string {
  return `daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  keepalive_requests 10000000;
  upstream stub { server ${upstream.host}; keepalive 256; keepalive_requests 10000000; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://stub; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
  }
}`;
}

async function startNginx(upstream: Started): Promise<Started | string> {
  const file = nginxPath();
  if (file === null) return 'nginx: not installed (Debian: apt-get install nginx-light)';
  const folder = mkdtempSync(path.join(tmpdir(), 'nexus-bench-nginx-'));
  const port = await freePort();
  writeFileSync(path.join(folder, 'nginx.conf'), nginxConfig(folder, port, new URL(upstream.url)));
  const config = path.join(folder, 'nginx.conf');
  try {
    const started = await startProgram(
      file,
      ['-p', folder, '-c', config],
      `http://127.0.0.1:${port}`,
    );
    return { ...started, url: `http://127.0.0.1:${port}` };
  } catch (error) {
    return `nginx: ${String(error)}`;
  }
}

async function startPortkey(): Promise<Started | string> {
  const port = await freePort();
  try {
    const file = createRequire(import.meta.url).resolve(
      '@portkey-ai/gateway/build/start-server.js',
    );
    const streams = new URL('./portkey-streams.ts', import.meta.url).href;
    const args = ['--import', streams, file, `--port=${port}`, '--headless'];
    return await startProgram(process.execPath, args, `http://127.0.0.1:${port}`);
  } catch (error) {
    return `portkey: ${String(error)}`;
  }
}

/** Starts the backend and, where they are to be compared, everything that this machine has to stand before it. */
export async function startTargets(isComparison: boolean): Promise<Targets> {
  const upstream = await startScript('./stub-upstream.ts');
  if (!isComparison) return { upstream, all: [], skipped: [] };
  const skipped: string[] = [];
  const all: Target[] = [];
  const counted = bodies('gpt-4o');
  const add = (
    name: string,
    started: Started | string,
    more: Partial<Pick<Target, 'headers' | 'nextBody' | 'rewrites'>> = {},
  ): void => {
    if (typeof started === 'string') skipped.push(started);
    else {
      const { url, pid } = started;
      all.push({ name, url, pid, headers: {}, nextBody: counted, rewrites: false, ...more });
    }
  };
  add('direct', upstream);
  add('nginx', await startNginx(upstream));
  add('raw', await startScript('./raw-proxy.ts', upstream.url));
  add('portkey', await startPortkey(), {
    rewrites: true,
    headers: {
      authorization: 'Bearer sk-bench',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `${upstream.url}/v1`,
    },
  });
  add('nexus', await startGateway(upstream.url));
  return { upstream, all, skipped };
}
