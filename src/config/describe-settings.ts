/** Settings for people and machines to read: spelled as in the file, amounts as exact decimals, keys only as set or not. */
import { formatUsdExact, type NanoUsd, type PicoUsdPerToken } from '../core/money.ts';
import type {
  BackendSettings,
  BudgetSettings,
  PriceSettings,
  RoutingPolicySettings,
  Settings,
  WebhookSettings,
} from '../core/settings.ts';

const PICO_PER_MICRO = 1_000_000;

function describeKey(key: string | null): 'set' | 'not set' {
  return key === null ? 'not set' : 'set';
}

/** USD per million tokens. */
function describeRate(rate: PicoUsdPerToken | undefined): number | undefined {
  return rate === undefined ? undefined : rate / PICO_PER_MICRO;
}

function describeUsd(amount: NanoUsd | undefined): string | undefined {
  return amount === undefined ? undefined : formatUsdExact(amount);
}

function describePrice({ versions, ...price }: PriceSettings): object {
  return {
    ...describeRates(price),
    versions: versions?.map(({ fromMs, ...rates }) => ({
      from: new Date(fromMs).toISOString(),
      ...describeRates(rates),
    })),
  };
}

function describeRates(price: Omit<PriceSettings, 'versions'>): object {
  return {
    input: describeRate(price.input),
    output: describeRate(price.output),
    cached_input: describeRate(price.cachedInput),
    cache_write: describeRate(price.cacheWrite),
    cache_write_1h: describeRate(price.cacheWrite1h),
    reasoning: describeRate(price.reasoning),
    input_audio: describeRate(price.inputAudio),
    output_audio: describeRate(price.outputAudio),
    input_image: describeRate(price.inputImage),
    output_image: describeRate(price.outputImage),
    per_request: describeUsd(price.perRequest),
    web_search: describeUsd(price.webSearch),
    file_search: describeUsd(price.fileSearch),
    code_execution: describeUsd(price.codeExecution),
    search_source: describeUsd(price.searchSource),
    max_output_tokens: price.maxOutputTokens,
  };
}

function describeBackend(backend: BackendSettings): object {
  const { simulation } = backend;
  return {
    name: backend.name,
    type: backend.type,
    kind: backend.kind,
    url: backend.url === '' ? undefined : backend.url,
    priority: backend.priority,
    tier: backend.tier,
    responses_api: backend.responsesApi,
    api_key_env: backend.apiKeyEnv ?? undefined,
    api_key: backend.apiKeyEnv === null ? undefined : describeKey(backend.apiKey),
    models: backend.models,
    prices: Object.fromEntries(
      Object.entries(backend.prices).map(([pattern, price]) => [pattern, describePrice(price)]),
    ),
    simulation: simulation
      ? {
          latency_ms: simulation.latencyMs,
          tokens_per_second: simulation.tokensPerSecond,
          output_tokens: simulation.outputTokens,
          failure_rate: simulation.failureRate,
        }
      : undefined,
  };
}

function describeBudget(budget: BudgetSettings): object {
  return {
    monthly_limit_usd: formatUsdExact(budget.monthlyLimit),
    soft_limit_percent: budget.softLimitPercent,
    hard_limit_action: budget.hardLimitAction,
    reconciliation_interval_secs: budget.reconciliationIntervalSecs,
    billing_cycle_day: budget.billingCycleDay,
    timezone: budget.timezone,
    unknown_price: budget.unknownPrice,
    exhausted_status: budget.exhaustedStatus,
  };
}

function describePolicy(policy: RoutingPolicySettings): object {
  return {
    model_pattern: policy.modelPattern,
    privacy: policy.privacy,
    max_cost_per_request:
      policy.maxCostPerRequest === null ? undefined : formatUsdExact(policy.maxCostPerRequest),
    min_tier: policy.minTier,
    fallback_allowed: policy.fallbackAllowed,
  };
}

function describeWebhook(webhook: WebhookSettings): object {
  return {
    name: webhook.name,
    // The rest of it is often a secret.
    url: `${new URL(webhook.url).origin}/...`,
    secret_env: webhook.secretEnv,
    secret: describeKey(webhook.secret),
    thresholds_percent: webhook.thresholdsPercent,
    events: webhook.events,
    timeout_seconds: webhook.timeoutSeconds,
    max_attempts: webhook.maxAttempts,
  };
}

/**
 * A plain object for `JSON.stringify`: every key with its value in force, also where that is the default. Holds no
 * secret.
 */
export function describeSettings(settings: Settings): object {
  const { server, logging, healthCheck, routing } = settings;
  return {
    server: {
      host: server.host,
      port: server.port,
      api_key: describeKey(server.apiKey),
      request_timeout_seconds: server.requestTimeoutSeconds,
      drain_timeout_seconds: server.drainTimeoutSeconds,
      client_gone_drain_seconds: server.clientGoneDrainSeconds,
      max_body_bytes: server.maxBodyBytes,
      workers: server.workers,
      max_concurrent_requests: server.maxConcurrentRequests,
    },
    metrics: { port: settings.metrics.port },
    logging: { level: logging.level, format: logging.format, file: logging.file },
    health_check: {
      enabled: healthCheck.enabled,
      interval_seconds: healthCheck.intervalSeconds,
      timeout_seconds: healthCheck.timeoutSeconds,
      failure_threshold: healthCheck.failureThreshold,
      recovery_threshold: healthCheck.recoveryThreshold,
    },
    routing: {
      strategy: routing.strategy,
      max_retries: routing.maxRetries,
      weights: routing.weights,
      aliases: routing.aliases,
      fallbacks: routing.fallbacks,
      policies: routing.policies.map(describePolicy),
      budget: routing.budget === null ? null : describeBudget(routing.budget),
    },
    ledger: { path: settings.ledger.path },
    alerts: { webhooks: settings.alerts.webhooks.map(describeWebhook) },
    control: { clock: settings.control.clock, inspector: settings.control.inspector },
    backends: settings.backends.map(describeBackend),
  };
}
