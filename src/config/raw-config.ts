/** The document once the schema has accepted it and filled in its defaults; spelled as in the file. */
import type {
  AlertKind,
  BackendKind,
  BackendType,
  ExhaustedStatus,
  RoutingSettings,
  Settings,
  UnknownPricePolicy,
  HardLimitAction,
} from '../core/settings.ts';

/** A decimal: a number, or text where a number would lose digits. */
export type Decimal = number | string;

export interface RawPrice {
  readonly input: Decimal;
  readonly output: Decimal;
  readonly cached_input?: Decimal;
  readonly cache_write?: Decimal;
  readonly cache_write_1h?: Decimal;
  readonly reasoning?: Decimal;
  readonly input_audio?: Decimal;
  readonly output_audio?: Decimal;
  readonly input_image?: Decimal;
  readonly output_image?: Decimal;
  readonly per_request?: Decimal;
  readonly web_search?: Decimal;
  readonly file_search?: Decimal;
  readonly code_execution?: Decimal;
  readonly search_source?: Decimal;
  readonly max_output_tokens?: number;
  readonly versions?: readonly (Omit<RawPrice, 'versions'> & { readonly from: string })[];
}

export interface RawBackend {
  readonly name: string;
  readonly type: BackendType;
  readonly url?: string;
  readonly kind?: BackendKind;
  readonly priority: number;
  readonly tier: number;
  readonly responses_api?: boolean;
  readonly api_key_env?: string;
  readonly models: readonly string[];
  readonly prices: Readonly<Record<string, RawPrice>>;
  readonly simulation?: {
    readonly latency_ms: number;
    readonly tokens_per_second: number;
    readonly output_tokens: number;
    readonly failure_rate: number;
  };
}

export interface RawBudget {
  readonly monthly_limit_usd?: number;
  readonly soft_limit_percent: number;
  readonly hard_limit_action: HardLimitAction;
  readonly reconciliation_interval_secs: number;
  readonly billing_cycle_day: number;
  readonly timezone: string;
  readonly unknown_price: UnknownPricePolicy;
  readonly exhausted_status: ExhaustedStatus;
}

export interface RawPolicy {
  readonly model_pattern: string;
  readonly privacy: 'unrestricted' | 'restricted';
  readonly max_cost_per_request?: Decimal;
  readonly min_tier: number;
  readonly fallback_allowed: boolean;
}

export interface RawWebhook {
  readonly name?: string;
  readonly url: string;
  readonly secret_env: string;
  readonly thresholds_percent: readonly number[];
  readonly events: readonly AlertKind[];
  readonly timeout_seconds: number;
  readonly max_attempts: number;
}

export interface RawConfig {
  readonly server: {
    readonly host: string;
    readonly port: number;
    readonly api_key_env?: string;
    readonly request_timeout_seconds: number;
    readonly drain_timeout_seconds: number;
    readonly client_gone_drain_seconds: number;
    readonly max_body_bytes: number;
    readonly workers: number;
    readonly max_concurrent_requests: number;
  };
  readonly metrics: { readonly port?: number };
  readonly logging: Pick<Settings['logging'], 'level' | 'format'> & { readonly file?: string };
  readonly health_check: {
    readonly enabled: boolean;
    readonly interval_seconds: number;
    readonly timeout_seconds: number;
    readonly failure_threshold: number;
    readonly recovery_threshold: number;
  };
  readonly discovery: { readonly enabled: boolean };
  readonly routing: Pick<RoutingSettings, 'strategy' | 'weights' | 'aliases' | 'fallbacks'> & {
    readonly max_retries: number;
    readonly policies: readonly RawPolicy[];
    readonly budget?: RawBudget;
  };
  readonly ledger: Settings['ledger'];
  readonly alerts: { readonly webhooks: readonly RawWebhook[] };
  readonly control: Settings['control'];
  readonly backends: readonly RawBackend[];
}
