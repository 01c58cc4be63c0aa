/** The inspector page: the charts of a running gateway, or of a simulation that runs in the browser alone. */
import { readFileSync } from 'node:fs';
import express, { type Express, type RequestHandler, type Router } from 'express';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { createInspectorFiles, FILES_PATH } from './inspector-files.ts';
import { PAGE_HEADERS } from './page-headers.ts';
import { LiveFeed } from './live-feed.ts';
import type { InspectorView } from './inspector-view.ts';

/** A running gateway behind the page. */
export interface InspectedGateway {
  readonly view: () => InspectorView;
  /** Calls the listener after what the view shows may have changed; returns how to stop. Only while somebody looks. */
  readonly subscribe: (listener: () => void) => () => void;
  readonly clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>;
  readonly log: Pick<Log, 'error'>;
  /** Stands before what is shown of the gateway; the page itself and its modules are the same everywhere. */
  readonly guard: RequestHandler;
}

export interface Inspector {
  readonly router: Router;
  /** Ends the streams of open pages. */
  close(): void;
}

/** @param gateway null: the page can only simulate. */
export function createInspector(version: string, gateway: InspectedGateway | null): Inspector {
  const router = express.Router();
  const page = readFileSync(new URL('./public/inspector/index.html', import.meta.url));
  const fileAt = createInspectorFiles();
  router.get('/inspector', (_request, response) => {
    response.set(PAGE_HEADERS).type('text/html').send(page);
  });
  router.get('/inspector/setup', (_request, response) => {
    response.set(PAGE_HEADERS).json({ version, live: gateway !== null });
  });
  router.get(`${FILES_PATH}/*file`, (request, response, next) => {
    const file = fileAt(request.path.slice(FILES_PATH.length));
    if (file === null) next();
    else response.set(PAGE_HEADERS).type(file.type).send(file.body);
  });
  const feed = gateway && new LiveFeed(gateway);
  if (feed && gateway)
    router.get('/inspector/events', gateway.guard, (_request, response) => feed.add(response));
  return { router, close: () => feed?.close() };
}

/** The page alone, for `nexus inspect`. */
export function createInspectorApp(version: string): Express {
  const app = express();
  app.disable('x-powered-by');
  app.get('/', (_request, response) => response.redirect('/inspector'));
  app.use(createInspector(version, null).router);
  app.use((_request, response) => {
    response.status(404).type('text/plain').send('Nothing is here. The page is at /inspector.\n');
  });
  return app;
}
