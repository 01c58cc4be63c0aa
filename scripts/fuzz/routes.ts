/** The routes of a running gateway, as it tells them itself. */

export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
}

/** Paths that no document lists: for browsers, and for nobody. */
const UNLISTED: readonly Route[] = [
  { method: 'GET', path: '/' },
  { method: 'GET', path: '/dashboard.js' },
  { method: 'GET', path: '/dashboard.css' },
  { method: 'GET', path: '/inspector' },
  { method: 'GET', path: '/dashboard/events' },
  { method: 'GET', path: '/favicon.ico' },
  { method: 'GET', path: '/nothing/here' },
  { method: 'POST', path: '/v1/nothing' },
  { method: 'POST', path: '/v1/messages/batches' },
  { method: 'GET', path: '/v1/responses/resp_1' },
];

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export async function readRoutes(url: string): Promise<readonly Route[]> {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
  const listed = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations)
      .filter((method) => method === 'get' || method === 'post')
      .map((method) => ({ method: method === 'get' ? ('GET' as const) : ('POST' as const), path })),
  );
  return [...listed, ...UNLISTED];
}
