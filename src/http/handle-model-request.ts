/** The conductor: one request from its bytes to its report. Each room is entered once, in order. */
import express, { type Request, type RequestHandler, type Response } from 'express';
import { GatewayError } from '../core/errors.ts';
import type { ModelRoute } from '../core/policy.ts';
import type { ModelRequest } from '../core/request.ts';
import type { TokenCount } from '../core/usage.ts';
import { newTrace, type CallTrace } from './call-context.ts';
import { setCostHeaders } from './cost-actual.ts';
import { runModelCall } from './model-call.ts';
import { isStrict, readModelRequest } from './read-request.ts';
import { isClientGone } from './relay.ts';
import { requestIdOf } from './request-id.ts';
import { setBudgetHeaders } from './response-headers.ts';
import type { CallServices } from './services.ts';
import { refuseUnholdable } from './unholdable.ts';
import { asGatewayError, writeError } from './write-error.ts';
import { tooManyRequests } from './refusal.ts';

/** The status that is logged for a client that left before it had an answer. */
const CLIENT_CLOSED_REQUEST = 499;

/** Counts the tokens for the requested model and for each of its fallbacks; the metric counts the request once. */
async function countTokens(
  services: CallServices,
  request: ModelRequest,
): Promise<ReadonlyMap<string, TokenCount>> {
  const { router, tokens, facts, ioClock } = services;
  const { model, fallbacks } = router.resolve(request.model);
  const startedAtMs = ioClock.monotonicMs();
  const count = await tokens.count(request, model);
  facts.tokensCounted({
    model: request.model,
    tier: count.tier,
    seconds: (ioClock.monotonicMs() - startedAtMs) / 1000,
  });
  const counts = new Map([[model, count]]);
  if (!request.strict) {
    for (const fallback of fallbacks) counts.set(fallback, await tokens.count(request, fallback));
  }
  return counts;
}

interface Report {
  readonly route: ModelRoute;
  readonly request: ModelRequest | null;
  readonly error: GatewayError | null;
  readonly trace: CallTrace;
  readonly startedAtMs: number;
  readonly id: string;
}

function report(
  services: CallServices,
  response: Response,
  { route, request, error, trace, startedAtMs, id }: Report,
): void {
  const { facts, clock, ioClock, control } = services;
  const clientGone = isClientGone(response) && !response.writableFinished;
  // Whatever went wrong after it left (half a body is no JSON) is not what this request ended with.
  const leftUnanswered = clientGone && !response.headersSent;
  const durationMs = ioClock.monotonicMs() - startedAtMs;
  const served = error === null && trace.plan !== null ? trace.plan : null;
  facts.requestEnded({
    id,
    atMs: clock.now(),
    route,
    stream: request?.stream ?? false,
    modelRequested: request?.model ?? '',
    modelServed: served?.candidate.model ?? null,
    backend: served?.candidate.backend ?? null,
    backendKind: served?.candidate.kind ?? null,
    routeReason: served === null ? null : trace.reason,
    attempts: trace.attempts,
    status: leftUnanswered ? CLIENT_CLOSED_REQUEST : (error?.status ?? response.statusCode),
    errorCode: leftUnanswered ? null : (error?.code ?? null),
    clientGone,
    usage: trace.charge?.usage ?? null,
    basis: trace.charge?.basis ?? null,
    cost: trace.cost,
    estimate: trace.plan?.estimate ?? null,
    excess: trace.excess,
    priceSource: trace.plan?.price.source ?? null,
    durationMs,
    firstByteMs: trace.firstByteAtMs === null ? null : trace.firstByteAtMs - startedAtMs,
    overheadMs: Math.max(0, durationMs - trace.upstreamMs),
    budgetStatus: control.policy().budget?.status ?? null,
  });
}

function admitToGateway({ isOpen, load, settings }: CallServices): void {
  if (!isOpen()) {
    throw new GatewayError(
      'overloaded',
      'The gateway is shutting down. Send the request again in a moment.',
      { retryAfterSeconds: 5 },
    );
  }
  const most = settings.server.maxConcurrentRequests;
  if (load.active >= most) throw tooManyRequests(most);
}

/** The body as bytes, whatever its content type says: SDKs send JSON under several names. */
export function bodyReader(maxBodyBytes: number): RequestHandler {
  return express.raw({ type: () => true, limit: maxBodyBytes });
}

/** Reads inside the handler, so that a body that is too large or broken is reported like every other request. */
function readBody(reader: RequestHandler, http: Request, response: Response): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    void reader(http, response, (error?: unknown) => {
      if (error === undefined) resolve(Buffer.isBuffer(http.body) ? http.body : Buffer.alloc(0));
      else reject(error);
    });
  });
}

async function serve(
  services: CallServices,
  reader: RequestHandler,
  route: ModelRoute,
  http: Request,
  response: Response,
): Promise<void> {
  const { clock, ioClock, control, ledger, log } = services;
  const startedAtMs = ioClock.monotonicMs();
  const id = requestIdOf(response);
  const trace = newTrace();
  let request: ModelRequest | null = null;
  let error: GatewayError | null = null;
  let leave: (() => void) | null = null;
  try {
    admitToGateway(services);
    leave = services.load.enter();
    request = readModelRequest({
      id,
      route,
      rawBody: await readBody(reader, http, response),
      strict: isStrict(http.headers),
      receivedAtMs: clock.now(),
    });
    refuseUnholdable(services.settings, request);
    const counts = await countTokens(services, request);
    if (isClientGone(response)) return;
    await runModelCall({ services, request, counts, clientRequest: http, response, trace });
  } catch (thrown) {
    error = asGatewayError(thrown);
    if (error.code === 'internal_error')
      log.error('request failed', {
        requestId: id,
        error: thrown instanceof Error ? thrown : String(thrown),
      });
    if (!isClientGone(response)) {
      if (!response.headersSent) {
        const policy = control.policy();
        setBudgetHeaders(response, policy, ledger.totals());
        setCostHeaders(response, trace, policy.budget !== null);
      }
      writeError(response, error);
    }
  } finally {
    leave?.();
    report(services, response, { route, request, error, trace, startedAtMs, id });
  }
}

/** The handler of one route that reaches a model. */
export function handleModelRequest(services: CallServices, route: ModelRoute): RequestHandler {
  const reader = bodyReader(services.settings.server.maxBodyBytes);
  return function modelRequest(http, response) {
    return serve(services, reader, route, http, response);
  };
}
