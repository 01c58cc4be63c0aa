/**
 * The one table of metrics: names, kinds, labels and buckets. Everything that is exported is declared here; tests hold
 * the contract, the alert rules and the Grafana dashboard against it.
 */

interface MetricRow {
  /** `untyped` is for a gauge whose established name ends in `_total`, which checkers allow to counters only. */
  readonly kind: 'counter' | 'gauge' | 'untyped' | 'histogram';
  readonly name: `nexus_${string}`;
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
  /** Exported only where a budget is configured. */
  readonly budgetOnly?: true;
}

/** Model calls take from a tenth of a second to many minutes. */
const CALL_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600] as const;
const FIRST_BYTE_SECONDS = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120,
] as const;
const OVERHEAD_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
] as const;
const RECONCILER_SECONDS = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1,
] as const;

export const METRICS = {
  requests: {
    kind: 'counter',
    name: 'nexus_requests_total',
    help: 'Requests to a model by the model that served (or was asked for), backend (or none) and HTTP status.',
    labels: ['model', 'backend', 'status'],
  },
  errors: {
    kind: 'counter',
    name: 'nexus_errors_total',
    help: 'Requests that ended with an error, by error code and requested model.',
    labels: ['error_type', 'model'],
  },
  fallbacks: {
    kind: 'counter',
    name: 'nexus_fallbacks_total',
    help: 'Requests that were served by a configured fallback of the requested model.',
    labels: ['from_model', 'to_model'],
  },
  attempts: {
    kind: 'counter',
    name: 'nexus_attempts_total',
    help: 'Attempts at a backend by outcome: ok, refused (its own 4xx) or failed.',
    labels: ['backend', 'outcome'],
  },
  requestDuration: {
    kind: 'histogram',
    name: 'nexus_request_duration_seconds',
    help: 'Time from a request to the end of its answer.',
    labels: ['model', 'backend'],
    buckets: CALL_SECONDS,
  },
  timeToFirstByte: {
    kind: 'histogram',
    name: 'nexus_time_to_first_byte_seconds',
    help: 'Time from a request to the first byte of its answer.',
    labels: ['model', 'backend'],
    buckets: FIRST_BYTE_SECONDS,
  },
  gatewayOverhead: {
    kind: 'histogram',
    name: 'nexus_gateway_overhead_seconds',
    help: 'Time that a request spent in the gateway itself, without waiting for backends.',
    labels: [],
    buckets: OVERHEAD_SECONDS,
  },
  tokens: {
    kind: 'counter',
    name: 'nexus_tokens_total',
    help: 'Tokens as charged, by type: input or output.',
    labels: ['model', 'backend', 'type'],
  },
  costPerRequest: {
    kind: 'histogram',
    name: 'nexus_cost_per_request_usd',
    help: 'What a request was charged over all of its attempts, in USD.',
    labels: ['model', 'backend_type'],
    buckets: [0.0001, 0.001, 0.01, 0.1, 1, 10],
  },
  unknownPrice: {
    kind: 'counter',
    name: 'nexus_unknown_price_total',
    help: 'Requests that were charged at a conservative rate, because no price is known for their model.',
    labels: ['model'],
  },
  tokenCountTier: {
    kind: 'counter',
    name: 'nexus_token_count_tier_total',
    help: 'Requests by how their input was counted: exact, approximation or heuristic; by requested model.',
    labels: ['tier', 'model'],
  },
  tokenCountDuration: {
    kind: 'histogram',
    name: 'nexus_token_count_duration_seconds',
    help: 'Time to count the input tokens of a request.',
    labels: ['tier', 'model'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5],
  },
  tokenEstimateError: {
    kind: 'histogram',
    name: 'nexus_token_estimate_error_ratio',
    help: 'Input tokens that the provider counted, divided by the estimate: 1 is a perfect estimate.',
    labels: ['tier', 'model'],
    buckets: [0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 1, 1.02, 1.05, 1.1, 1.2, 1.3, 1.5, 2, 3],
  },
  tokenCalibration: {
    kind: 'gauge',
    name: 'nexus_token_calibration_ratio',
    help: 'Learned ratio of billed to built-in estimated input tokens, as used for the estimate and for the hold.',
    labels: ['backend', 'model', 'use'],
  },
  backends: {
    kind: 'untyped',
    name: 'nexus_backends_total',
    help: 'Backends that are configured.',
    labels: [],
  },
  backendsHealthy: {
    kind: 'gauge',
    name: 'nexus_backends_healthy',
    help: 'Backends that are healthy.',
    labels: [],
  },
  backendUp: {
    kind: 'gauge',
    name: 'nexus_backend_up',
    help: '1 for a backend that is healthy, 0 for one that is not or is not known to be.',
    labels: ['backend', 'backend_type'],
  },
  modelsAvailable: {
    kind: 'gauge',
    name: 'nexus_models_available',
    help: 'Distinct models of the backends that are not unhealthy.',
    labels: [],
  },
  pendingRequests: {
    kind: 'gauge',
    name: 'nexus_pending_requests',
    help: 'Attempts that are under way at a backend.',
    labels: ['backend'],
  },
  webhookDeliveries: {
    kind: 'counter',
    name: 'nexus_webhook_deliveries_total',
    help: 'Alerts by webhook and outcome: delivered, failed, dropped, or retried for each time one is sent again.',
    labels: ['webhook', 'outcome'],
  },
  actorFailures: {
    kind: 'counter',
    name: 'nexus_actor_failures_total',
    help: 'Failures of actors of the control plane.',
    labels: ['actor'],
  },
  reconcilerDuration: {
    kind: 'histogram',
    name: 'nexus_reconciler_duration_seconds',
    help: 'Time of one reconciliation.',
    labels: ['reconciler'],
    buckets: RECONCILER_SECONDS,
  },
  ledgerWritable: {
    kind: 'gauge',
    name: 'nexus_ledger_writable',
    help: '1 while the ledger can store entries, otherwise 0.',
    labels: [],
  },
  ledgerOpenHolds: {
    kind: 'gauge',
    name: 'nexus_ledger_open_holds',
    help: 'Holds of the current month that have not ended.',
    labels: [],
  },
  build: {
    kind: 'gauge',
    name: 'nexus_build_info',
    help: 'Always 1; the labels say what runs.',
    labels: ['version', 'node_version'],
  },
  pricesInfo: {
    kind: 'gauge',
    name: 'nexus_prices_info',
    help: 'Always 1; the labels say which packaged price list is in use, and of which day.',
    labels: ['version', 'date'],
  },
  reloadSuccessful: {
    kind: 'gauge',
    name: 'nexus_config_last_reload_successful',
    help: '1 when the config was without a fault the last time that it was read, otherwise 0; then the prices before stay in force.',
    labels: [],
  },
  reloadTimestamp: {
    kind: 'gauge',
    name: 'nexus_config_last_reload_timestamp_seconds',
    help: 'Unix time at which the config was last read without a fault.',
    labels: [],
  },
  budgetStatus: {
    kind: 'gauge',
    name: 'nexus_budget_status',
    help: 'Status of the budget: 0 Normal, 1 SoftLimit, 2 HardLimit.',
    labels: ['billing_month'],
    budgetOnly: true,
  },
  budgetSpending: {
    kind: 'gauge',
    name: 'nexus_budget_spending_usd',
    help: 'Spending of the current billing month in USD, holds with an unknown outcome included.',
    labels: ['billing_month'],
    budgetOnly: true,
  },
  budgetUtilization: {
    kind: 'gauge',
    name: 'nexus_budget_utilization_percent',
    help: 'Spending in percent of the monthly limit.',
    labels: ['billing_month'],
    budgetOnly: true,
  },
  budgetLimit: {
    kind: 'gauge',
    name: 'nexus_budget_limit_usd',
    help: 'Monthly limit in USD.',
    labels: [],
    budgetOnly: true,
  },
  budgetHeld: {
    kind: 'gauge',
    name: 'nexus_budget_held_usd',
    help: 'USD set aside for requests in flight.',
    labels: [],
    budgetOnly: true,
  },
  budgetSuspense: {
    kind: 'gauge',
    name: 'nexus_budget_suspense_usd',
    help: 'USD of holds whose outcome is unknown; part of the spending.',
    labels: [],
    budgetOnly: true,
  },
  budgetDrift: {
    kind: 'gauge',
    name: 'nexus_budget_drift_usd',
    help: 'Entries of the ledger minus balances in USD, at the last reconciliation; anything but 0 is a fault.',
    labels: [],
    budgetOnly: true,
  },
  budgetForecast: {
    kind: 'gauge',
    name: 'nexus_budget_forecast_usd',
    help: 'Spending expected at the end of the billing month in USD; absent while there is too little data.',
    labels: [],
    budgetOnly: true,
  },
  budgetExcess: {
    kind: 'counter',
    name: 'nexus_budget_excess_usd_total',
    help: 'USD that providers billed beyond their holds in the current billing month.',
    labels: [],
    budgetOnly: true,
  },
  budgetEvents: {
    kind: 'counter',
    name: 'nexus_budget_events_total',
    help: 'Events of the budget by type.',
    labels: ['event_type'],
    budgetOnly: true,
  },
} as const satisfies Record<string, MetricRow>;

export type MetricTable = typeof METRICS;
export type AnyMetric = MetricTable[keyof MetricTable];
