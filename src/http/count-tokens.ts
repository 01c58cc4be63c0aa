/**
 * `POST /v1/messages/count_tokens`: how many input tokens a request has. It costs nothing, so nothing is held, and it is
 * answered when the budget is used up too: by a backend that can count them where one serves the model, else by the
 * gateway's own counter.
 */
import type { Request, RequestHandler, Response } from 'express';
import { GatewayError } from '../core/errors.ts';
import type { RoutingPolicy } from '../core/policy.ts';
import type { Candidate, ModelRequest } from '../core/request.ts';
import { UpstreamFailure, type UpstreamAnswer } from '../core/upstream.ts';
import { isObject } from './body-fields.ts';
import { isStrict, readCountRequest } from './read-request.ts';
import { isClientGone, readBounded } from './relay.ts';
import { requestIdOf } from './request-id.ts';
import type { Services } from './services.ts';

/** Ours is a good answer too, so a backend is not waited for as long as for a message. */
const MOST_MS = 10_000;
const ANSWER_BYTES = 64 * 1024;
/** What a backend finds wrong with the request itself; every other failure of it is no reason to give no answer. */
const CLIENT_FAULTS: ReadonlySet<number> = new Set([400, 413, 422]);

/** Each policy without what its budget closes: counting costs nothing. One for each, as indexes of models hang on it. */
const OPEN_POLICIES = new WeakMap<RoutingPolicy, RoutingPolicy>();

function withoutBudget(policy: RoutingPolicy): RoutingPolicy {
  const open = OPEN_POLICIES.get(policy) ?? { ...policy, posture: 'open' };
  OPEN_POLICIES.set(policy, open);
  return open;
}

/** Backends that serve the very model, best first. Throws a 404 when nobody does. */
function serversOf(services: Services, request: ModelRequest): readonly Candidate[] {
  const { control, router, load, random, clock } = services;
  control.noticeTime(clock.now());
  const decision = router.decide({
    request,
    // A prompt that is too long for a model can be counted all the same.
    tokens: 0,
    policy: withoutBudget(control.policy()),
    pending: (backend) => load.pending(backend),
    turn: 0,
    random,
  });
  if (decision.kind === 'route') return decision.candidates.filter((one) => !one.isFallback);
  if (decision.error.code === 'model_not_found') throw decision.error;
  return [];
}

interface Call {
  readonly services: Services;
  readonly request: ModelRequest;
  readonly http: Request;
  readonly response: Response;
}

interface Asked {
  readonly answer: UpstreamAnswer;
  readonly body: Buffer;
}

/** True for what the API answers; a server that only claims to speak it may answer anything. */
function isCounted(body: Buffer): boolean {
  try {
    const answer: unknown = JSON.parse(body.toString('utf8'));
    return isObject(answer) && Number.isSafeInteger(answer['input_tokens']);
  } catch {
    return false;
  }
}

/** The answer of one backend; null when it has no such call, or did not do what it should. */
async function ask(
  { services, request, http, response }: Call,
  { backend, model }: Candidate,
): Promise<Asked | null> {
  const { upstream, ioClock, settings, calls } = services;
  const deadline = new AbortController();
  const abort = (): void => deadline.abort();
  const mostMs = Math.min(MOST_MS, settings.server.requestTimeoutSeconds * 1000);
  const timer = ioClock.setTimeout(abort, mostMs);
  const place = calls.add(deadline);
  response.on('close', abort);
  try {
    const answer = await upstream.countTokens?.({
      request,
      backend,
      model,
      maxOutputTokens: null,
      signal: deadline.signal,
      firstByteTimeoutMs: mostMs,
      clientRequest: http,
      clientResponse: response,
    });
    if (!answer) return null;
    const body = await readBounded(answer, ANSWER_BYTES);
    const isCount = answer.status === 200 && isCounted(body);
    return isCount || CLIENT_FAULTS.has(answer.status) ? { answer, body } : null;
  } catch (thrown) {
    if (thrown instanceof UpstreamFailure) return null;
    throw thrown;
  } finally {
    ioClock.clearTimeout(timer);
    calls.remove(place);
    response.off('close', abort);
  }
}

async function answerCount(call: Call): Promise<void> {
  const { services, request, response } = call;
  for (const candidate of serversOf(services, request)) {
    const asked = await ask(call, candidate);
    if (isClientGone(response)) return;
    if (asked === null) continue;
    response.statusCode = asked.answer.status;
    for (const [name, value] of Object.entries(asked.answer.headers))
      response.setHeader(name, value);
    response.setHeader('X-Nexus-Backend', candidate.backend);
    response.setHeader('X-Nexus-Backend-Type', candidate.kind);
    response.setHeader('Content-Length', String(asked.body.length));
    response.end(asked.body);
    return;
  }
  const { router, tokens } = services;
  const count = await tokens.count(request, router.resolve(request.model).model);
  response.json({ input_tokens: count.tokens });
}

/** The handler of the route. */
export function handleCountTokens(services: Services): RequestHandler {
  const { settings, clock } = services;
  // Of their own, because a plan leaves room in the budget for requests that wait, and these need none.
  let active = 0;
  return async function countTokens(http, response) {
    if (!services.isOpen() || active >= settings.server.maxConcurrentRequests) {
      throw new GatewayError('overloaded', 'The gateway is busy. Send the request again.', {
        retryAfterSeconds: 1,
      });
    }
    active += 1;
    try {
      const request = readCountRequest({
        id: requestIdOf(response),
        rawBody: Buffer.isBuffer(http.body) ? http.body : Buffer.alloc(0),
        strict: isStrict(http.headers),
        receivedAtMs: clock.now(),
      });
      await answerCount({ services, request, http, response });
    } finally {
      active -= 1;
    }
  };
}
