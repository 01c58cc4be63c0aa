/** Routes for operators and tools: health, models, statistics, the injected clock. None of them reaches a backend. */
import type { RequestHandler } from 'express';
import { GatewayError } from '../core/errors.ts';
import type { BackendView } from '../core/policy.ts';
import { parseJsonObject } from './read-request.ts';
import type { Services } from './services.ts';

/** A jump of more than this is a mistake in a script, and would step through millions of timers. */
const MAX_JUMP_MS = 10 * 366 * 24 * 60 * 60 * 1000;

export function handleLivez(): RequestHandler {
  return (_request, response) => {
    response.json({ status: 'ok' });
  };
}

/** 200 while requests can be served: open, ledger writable, at least one backend not known to be down. */
export function handleReadyz({ control, isOpen, isLedgerHealthy }: Services): RequestHandler {
  return (_request, response) => {
    const { backends } = control.policy();
    const checks = {
      open: isOpen(),
      ledger: isLedgerHealthy(),
      backends: backends.some(({ health }) => health !== 'unhealthy'),
    };
    const isReady = Object.values(checks).every(Boolean);
    response.status(isReady ? 200 : 503).json({ status: isReady ? 'ready' : 'not ready', checks });
  };
}

function backendJson(view: BackendView): object {
  return {
    name: view.name,
    type: view.type,
    kind: view.kind,
    status: view.health,
    reason: view.healthReason,
    models: view.models.map(({ id }) => id),
    latency_ms: view.latencyMs,
    last_checked:
      view.lastCheckedAtMs === null ? null : new Date(view.lastCheckedAtMs).toISOString(),
  };
}

/** A summary for people; always 200, as a load balancer asks `/readyz`. */
export function handleHealth({
  control,
  version,
  isLedgerHealthy,
  ioClock,
}: Services): RequestHandler {
  const startedAtMs = ioClock.monotonicMs();
  return (_request, response) => {
    const policy = control.policy();
    const healthy = policy.backends.filter(({ health }) => health === 'healthy').length;
    const total = policy.backends.length;
    const status =
      !isLedgerHealthy() || healthy === 0
        ? 'unhealthy'
        : healthy === total
          ? 'healthy'
          : 'degraded';
    response.json({
      status,
      version,
      uptime_seconds: Math.floor((ioClock.monotonicMs() - startedAtMs) / 1000),
      ledger: isLedgerHealthy() ? 'writable' : 'not writable',
      posture: policy.posture,
      budget_status: policy.budget?.status ?? null,
      backends: {
        total,
        healthy,
        unhealthy: total - healthy,
        list: policy.backends.map(backendJson),
      },
      models: new Set(policy.backends.flatMap(({ models }) => models.map(({ id }) => id))).size,
    });
  };
}

interface ModelEntry {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: string;
  readonly backends: readonly string[];
  readonly context_length: number | null;
}

function listModels({ control, settings }: Services, created: number): readonly ModelEntry[] {
  const byId = new Map<string, { owners: string[]; context: number | null }>();
  for (const { name, models, health } of control.policy().backends) {
    if (health === 'unhealthy') continue;
    for (const { id, contextLength } of models) {
      const entry = byId.get(id) ?? { owners: [], context: contextLength };
      entry.owners.push(name);
      byId.set(id, entry);
    }
  }
  for (const alias of Object.keys(settings.routing.aliases)) {
    if (!byId.has(alias)) byId.set(alias, { owners: ['alias'], context: null });
  }
  return [...byId]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, { owners, context }]) => ({
      id,
      object: 'model',
      created,
      owned_by: owners[0] ?? '',
      backends: owners,
      context_length: context,
    }));
}

export function handleModels(services: Services): RequestHandler {
  const created = Math.floor(services.clock.now() / 1000);
  return (_request, response) => {
    response.json({ object: 'list', data: listModels(services, created) });
  };
}

/** One model; names with slashes are allowed. */
export function handleModel(services: Services): RequestHandler {
  const created = Math.floor(services.clock.now() / 1000);
  return (request, response) => {
    const id = [request.params['model']].flat().join('/');
    const model = listModels(services, created).find((entry) => entry.id === id);
    if (model === undefined) {
      throw new GatewayError(
        'model_not_found',
        `No backend serves the model '${id}'. GET /v1/models lists the names.`,
        { param: 'model' },
      );
    }
    response.json(model);
  };
}

export function handleStats({ views }: Services): RequestHandler {
  return (_request, response) => {
    response.json(views.stats());
  };
}

export function handleBudget({ views }: Services): RequestHandler {
  return (_request, response) => {
    const budget = views.budget();
    if (budget === null) {
      throw new GatewayError(
        'not_found',
        'No budget is configured. Set monthly_limit_usd under [routing.budget].',
      );
    }
    response.json(budget);
  };
}

export function handleMetrics({ views }: Services): RequestHandler {
  return async (_request, response) => {
    const text = await views.metrics();
    response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
    response.send(text);
  };
}

/** False for the 30th of February, which `Date` takes for a day in March. */
function isCalendarDay(instant: string): boolean {
  const day = instant.slice(0, 10);
  return new Date(`${day}T00:00:00Z`).toISOString().slice(0, 10) === day;
}

function readInstant(body: Readonly<Record<string, unknown>>, nowMs: number): number {
  const { to, advance_seconds: advance } = body;
  if ((to === undefined) === (advance === undefined)) {
    throw new GatewayError(
      'invalid_request_error',
      'Send either {"to": "<RFC 3339>"} or {"advance_seconds": n}.',
    );
  }
  if (advance !== undefined) {
    if (typeof advance === 'number' && Number.isFinite(advance) && advance >= 0)
      return nowMs + Math.round(advance * 1000);
    throw new GatewayError(
      'invalid_request_error',
      '`advance_seconds` must be a number, 0 or more.',
      { param: 'advance_seconds' },
    );
  }
  const isRfc3339 =
    typeof to === 'string' &&
    /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(to);
  const atMs = isRfc3339 ? Date.parse(to) : Number.NaN;
  if (Number.isNaN(atMs) || !isCalendarDay(String(to))) {
    throw new GatewayError(
      'invalid_request_error',
      '`to` must be a time in RFC 3339, such as "2026-12-01T00:00:00Z".',
      { param: 'to' },
    );
  }
  return atMs;
}

/** Moves an injected clock forward through every timer that falls due. */
export function handleClock({ movableClock, clock, control }: Services): RequestHandler {
  return (request, response) => {
    if (movableClock === null) {
      throw new GatewayError(
        'not_found',
        'This gateway runs on the system clock. Set [control] clock = "injected" to move its clock by hand.',
      );
    }
    const nowMs = clock.now();
    const atMs = readInstant(
      parseJsonObject(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)),
      nowMs,
    );
    if (atMs < nowMs) {
      throw new GatewayError(
        'invalid_request_error',
        `The clock stands at ${new Date(nowMs).toISOString()} and can only be moved forward.`,
        { param: 'to' },
      );
    }
    if (atMs - nowMs > MAX_JUMP_MS) {
      throw new GatewayError(
        'invalid_request_error',
        'One step of the clock can be ten years at the most.',
      );
    }
    movableClock.advanceTo(atMs);
    control.noticeTime(clock.now());
    // After a long jump the next regular reconciliation lies far ahead on a clock that may not move again for long.
    if (atMs > nowMs) control.reconcile();
    response.json({
      now: new Date(clock.now()).toISOString(),
      billing_month: control.period().month,
    });
  };
}
