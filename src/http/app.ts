/** The Express app: what is on which path, and what happens before and after a handler. */
import type { RequestListener } from 'node:http';
import express, {
  type ErrorRequestHandler,
  type Express,
  type RequestHandler,
  type Router,
} from 'express';
import { GatewayError } from '../core/errors.ts';
import { authenticate } from './authenticate.ts';
import { handleCountTokens } from './count-tokens.ts';
import { handleEstimate } from './estimate.ts';
import { bodyReader, handleModelRequest } from './handle-model-request.ts';
import { handleLedgerPrices } from './ledger-prices.ts';
import { handleLedger } from './ledger-view.ts';
import { openApiDocument } from './openapi.ts';
import {
  handleBudget,
  handleClock,
  handleHealth,
  handleLivez,
  handleMetrics,
  handleModel,
  handleModels,
  handleReadyz,
  handleStats,
} from './operations.ts';
import { assignRequestId } from './request-id.ts';
import type { CallServices, Services } from './services.ts';
import { asGatewayError, writeError } from './write-error.ts';

type Method = 'get' | 'post';

/** One row of the route table. The OpenAPI document and a test are held against it. */
interface RouteRow {
  readonly method: Method;
  readonly path: string;
  readonly handlers: readonly RequestHandler[];
}

function get(path: string, ...handlers: RequestHandler[]): RouteRow {
  return { method: 'get', path, handlers };
}

function post(path: string, ...handlers: RequestHandler[]): RouteRow {
  return { method: 'post', path, handlers };
}

/** The routes that reach a model. */
function modelRoutes(services: CallServices): readonly RouteRow[] {
  const key = authenticate(services.settings.server.apiKey);
  return [
    post('/v1/chat/completions', key, handleModelRequest(services, 'chat')),
    post('/v1/completions', key, handleModelRequest(services, 'completions')),
    post('/v1/embeddings', key, handleModelRequest(services, 'embeddings')),
    post('/v1/messages', key, handleModelRequest(services, 'messages')),
    post('/v1/responses', key, handleModelRequest(services, 'responses')),
  ];
}

function routeTable(services: Services): readonly RouteRow[] {
  const { settings } = services;
  const body = bodyReader(settings.server.maxBodyBytes);
  const key = authenticate(settings.server.apiKey);
  return [
    ...modelRoutes(services),
    post('/v1/messages/count_tokens', key, body, handleCountTokens(services)),
    post('/v1/estimate', key, body, handleEstimate(services)),
    get('/v1/models', key, handleModels(services)),
    get('/v1/models/*model', key, handleModel(services)),
    get('/v1/stats', key, handleStats(services)),
    get('/v1/budget', key, handleBudget(services)),
    get('/v1/ledger', key, handleLedger(services)),
    get('/v1/ledger/prices', key, handleLedgerPrices(services)),
    get('/health', handleHealth(services)),
    get('/livez', handleLivez()),
    get('/readyz', handleReadyz(services)),
    get('/metrics', handleMetrics(services)),
    get('/openapi.json', (_request, response) => {
      response.json(openApiDocument(services.version));
    }),
    post('/admin/clock', key, body, handleClock(services)),
  ];
}

function refuseOtherMethods(allowed: string): RequestHandler {
  return (request, response) => {
    response.setHeader('Allow', allowed);
    throw new GatewayError(
      'method_not_allowed',
      `${request.method} is not served here; use ${allowed}.`,
    );
  };
}

const notFound: RequestHandler = (request) => {
  throw new GatewayError(
    'not_found',
    `Nothing is served at ${request.method} ${request.path.slice(0, 200)}. GET /openapi.json lists the routes.`,
  );
};

function answerErrors({ log }: Pick<Services, 'log'>): ErrorRequestHandler {
  // Express tells an error handler by its four parameters.
  return function errors(thrown, _request, response, _next) {
    const error = asGatewayError(thrown);
    if (error.code === 'internal_error') {
      log.error('request failed', {
        requestId: String(response.getHeader('X-Nexus-Request-Id')),
        error: thrown instanceof Error ? thrown : String(thrown),
      });
    }
    writeError(response, error);
  };
}

function bareApp(): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  return app;
}

/** The app of the main listener. `pages` holds the dashboard and whatever else is for browsers. */
export function createApp(services: Services, pages: Router): Express {
  const app = bareApp();
  app.use(assignRequestId(services.newRequestId));
  for (const { method, path, handlers } of routeTable(services)) {
    app[method](path, ...handlers);
    app.all(path, refuseOtherMethods(method === 'get' ? 'GET, HEAD' : 'POST'));
  }
  app.use(pages);
  app.use(notFound);
  app.use(answerErrors(services));
  return app;
}

/**
 * The app of a worker: requests to models. `elsewhere` answers all others, and gets them untouched, so that they are
 * answered as if they had come straight to it.
 */
export function createCallApp(services: CallServices, elsewhere: RequestListener): Express {
  const app = bareApp();
  const identify = assignRequestId(services.newRequestId);
  for (const { method, path, handlers } of modelRoutes(services))
    app[method](path, identify, ...handlers);
  app.use((request, response) => elsewhere(request, response));
  app.use(answerErrors(services));
  return app;
}

/** The app of the second listener: metrics alone. */
export function createMetricsApp(services: Services): Express {
  const app = bareApp();
  app.use(assignRequestId(services.newRequestId));
  app.get('/metrics', handleMetrics(services));
  app.use(notFound);
  app.use(answerErrors(services));
  return app;
}
