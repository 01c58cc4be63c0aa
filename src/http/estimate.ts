/** `POST /v1/estimate`: what a request would be counted, held and routed as, without sending it or holding anything. */
import type { RequestHandler } from 'express';
import type { GatewayError } from '../core/errors.ts';
import { formatUsdExact, toUsdNumber, type NanoUsd } from '../core/money.ts';
import type { ModelRequest } from '../core/request.ts';
import { routeToEstimate } from './estimate-route.ts';
import { planAttempt, type PlanResult } from './plan-attempt.ts';
import { isStrict, parseJsonObject, readModelRequest } from './read-request.ts';
import { refusalFor, withBudgetContext, type CandidateRefusal } from './refusal.ts';
import { requestIdOf } from './request-id.ts';
import type { Services } from './services.ts';
import { refuseUnholdable } from './unholdable.ts';

/** An amount as a number for reading and as a string for calculating. */
function money(name: string, amount: NanoUsd): Record<string, number | string> {
  return { [`${name}_usd`]: toUsdNumber(amount), [`${name}_usd_exact`]: formatUsdExact(amount) };
}

function planJson(plan: Extract<PlanResult, { kind: 'fits' }>): object {
  const { candidate, price } = plan;
  return {
    backend: candidate.backend,
    backend_type: candidate.kind,
    model: candidate.model,
    route_reason: candidate.reason,
    admission: plan.isLowered ? 'lowered' : 'whole',
    max_output_tokens: plan.maxOutputTokens,
    // What was learned of this backend's own counts is in them.
    input_tokens: plan.count.tokens,
    input_tokens_bound: plan.count.bound,
    ...money('estimated_cost', plan.estimate),
    ...money('worst_case_cost', plan.hold),
    price: { source: price.source, version: price.version },
  };
}

async function estimate(services: Services, request: ModelRequest): Promise<object> {
  const { control, clock, router, ledger, load, prices, random, tokens, calibration } = services;
  const { model, fallbacks } = router.resolve(request.model);
  const counts = new Map([[model, await tokens.count(request, model)]]);
  for (const fallback of fallbacks) counts.set(fallback, await tokens.count(request, fallback));
  control.noticeTime(clock.now());
  const count = counts.get(model);
  const decision = router.decide({
    request,
    tokens: count?.tokens ?? 0,
    policy: control.policy(),
    pending: (backend) => load.pending(backend),
    turn: 0,
    random,
  });
  const tokenCount = {
    input_tokens: count?.tokens,
    input_tokens_bound: count?.bound,
    tier: count?.tier,
  };
  const head = { route: request.route, model_requested: request.model, ...tokenCount };
  const refused = (error: GatewayError): object => {
    const { code, status, message } = withBudgetContext(error, services);
    return { ...head, admission: 'refused', refusal: { code, status, message } };
  };
  if (decision.kind === 'refuse') return refused(decision.error);
  const refusals: CandidateRefusal[] = [];
  for (const candidate of decision.candidates) {
    const counted = counts.get(candidate.model);
    if (counted === undefined) continue;
    const own = calibration.calibrated(candidate.backend, candidate.model, counted);
    const { held, settled, suspense } = ledger.totals();
    const plan = planAttempt(request, candidate, own, prices, {
      headroom: ledger.headroom(),
      held,
      spent: settled + suspense,
      othersWaiting: load.active > 0,
    });
    if (plan.kind === 'fits') return { ...head, ...planJson(plan) };
    refusals.push({ candidate, result: plan });
  }
  return refused(refusalFor(refusals, request.model));
}

export function handleEstimate(services: Services): RequestHandler {
  return async function estimateRequest(http, response) {
    const rawBody = Buffer.isBuffer(http.body) ? http.body : Buffer.alloc(0);
    const request = readModelRequest({
      id: requestIdOf(response),
      route: routeToEstimate(http.query['route'], parseJsonObject(rawBody)),
      rawBody,
      strict: isStrict(http.headers),
      receivedAtMs: services.clock.now(),
    });
    refuseUnholdable(services.settings, request);
    response.json(await estimate(services, request));
  };
}
