/**
 * The validated, frozen configuration. `config/nexus.schema.json` is the truth for names, defaults, units and limits;
 * these types mirror it (a test compares the two) and use the same spelling as the TOML file.
 */
import type { NanoUsd, PicoUsdPerToken } from './money.ts';

export type BackendType =
  | 'openai'
  | 'anthropic'
  | 'google'
  | 'ollama'
  | 'vllm'
  | 'llamacpp'
  | 'lmstudio'
  | 'exo'
  | 'generic'
  | 'simulated';

/** What a cloud block removes is decided by this alone; what a request costs is decided by prices alone. */
export type BackendKind = 'local' | 'cloud';

export type HardLimitAction = 'warn' | 'block_cloud' | 'block_all';
export type UnknownPricePolicy = 'conservative' | 'deny';
/** The HTTP status of a refusal because the budget is exhausted. Clients differ in which of them they try again. */
export type ExhaustedStatus = 503 | 402 | 429;
export type Strategy = 'smart' | 'round_robin' | 'priority_only' | 'random';

/** A price override from the file, in exact units; a rate that is not given falls back as documented in the schema. */
export interface PriceSettings {
  readonly input: PicoUsdPerToken;
  readonly output: PicoUsdPerToken;
  readonly cachedInput?: PicoUsdPerToken;
  readonly cacheWrite?: PicoUsdPerToken;
  readonly cacheWrite1h?: PicoUsdPerToken;
  readonly reasoning?: PicoUsdPerToken;
  readonly inputAudio?: PicoUsdPerToken;
  readonly outputAudio?: PicoUsdPerToken;
  readonly inputImage?: PicoUsdPerToken;
  readonly outputImage?: PicoUsdPerToken;
  readonly perRequest?: NanoUsd;
  /** Fees of the provider's own tools, each call or source; what is left out costs what the provider publishes. */
  readonly webSearch?: NanoUsd;
  readonly fileSearch?: NanoUsd;
  readonly codeExecution?: NanoUsd;
  readonly searchSource?: NanoUsd;
  /** The most output tokens that one answer can have; bounds the hold when the client names no maximum. */
  readonly maxOutputTokens?: number;
  /** Later prices, ascending by time. Before the first of them the rates above apply. */
  readonly versions?: readonly PriceVersion[];
}

/** A whole price that is in force from a time on, until the next one. */
export interface PriceVersion extends Omit<PriceSettings, 'versions'> {
  /** Unix milliseconds. */
  readonly fromMs: number;
}

/** Behaviour of a `simulated` backend. */
export interface SimulationSettings {
  /** Time to the first byte. */
  readonly latencyMs: number;
  /** Pace of a stream; 0 means as fast as possible. */
  readonly tokensPerSecond: number;
  /** Length of an answer when the request sets no lower maximum. */
  readonly outputTokens: number;
  /** Share of requests, 0 to 1, that are answered with a 500. Chosen by a counter, not by chance. */
  readonly failureRate: number;
}

export interface BackendSettings {
  readonly name: string;
  /** Base URL without a trailing slash or a `/v1`. Empty for `simulated`. */
  readonly url: string;
  readonly type: BackendType;
  readonly kind: BackendKind;
  /** 0 to 100; lower is preferred. */
  readonly priority: number;
  /** Capability tier, 1 (lowest) to 5, for policies with `min_tier`. */
  readonly tier: number;
  /** Whether it speaks the Responses API itself; left out where its type says so. */
  readonly responsesApi?: boolean;
  /** Name of the environment variable that holds the key; never the key itself. */
  readonly apiKeyEnv: string | null;
  /** The key, read once from the environment by the loader; never printed or logged. */
  readonly apiKey: string | null;
  /** Models named in the file; empty means: ask the backend. */
  readonly models: readonly string[];
  /** Price overrides by model name or glob pattern. */
  readonly prices: Readonly<Record<string, PriceSettings>>;
  readonly simulation: SimulationSettings | null;
}

export interface BudgetSettings {
  readonly monthlyLimit: NanoUsd;
  readonly softLimitPercent: number;
  readonly hardLimitAction: HardLimitAction;
  readonly reconciliationIntervalSecs: number;
  readonly billingCycleDay: number;
  readonly timezone: string;
  readonly unknownPrice: UnknownPricePolicy;
  readonly exhaustedStatus: ExhaustedStatus;
}

export type AlertKind = 'threshold' | 'month_rollover' | 'drift' | 'hard_limit';

/** A receiver of alerts. */
export interface WebhookSettings {
  /** For logs and metrics; the URL itself may be a secret. */
  readonly name: string;
  readonly url: string;
  readonly secretEnv: string;
  /** Keys the signature; read once from the environment by the loader, never printed or logged. */
  readonly secret: string;
  /** Told when the spending reaches them, each once in a billing month. */
  readonly thresholdsPercent: readonly number[];
  readonly events: readonly AlertKind[];
  readonly timeoutSeconds: number;
  readonly maxAttempts: number;
}

export interface RoutingPolicySettings {
  /** Glob over the model name after aliases: `*`, `?`, `[..]`, `{a,b}`. The first match in file order applies. */
  readonly modelPattern: string;
  /** `restricted`: only local backends. */
  readonly privacy: 'unrestricted' | 'restricted';
  readonly maxCostPerRequest: NanoUsd | null;
  readonly minTier: number;
  readonly fallbackAllowed: boolean;
}

export interface RoutingSettings {
  readonly strategy: Strategy;
  readonly maxRetries: number;
  readonly weights: { readonly priority: number; readonly load: number; readonly latency: number };
  readonly aliases: Readonly<Record<string, string>>;
  readonly fallbacks: Readonly<Record<string, readonly string[]>>;
  readonly policies: readonly RoutingPolicySettings[];
  readonly budget: BudgetSettings | null;
}

export interface Settings {
  readonly server: {
    readonly host: string;
    readonly port: number;
    readonly requestTimeoutSeconds: number;
    readonly drainTimeoutSeconds: number;
    readonly maxBodyBytes: number;
    /** Processes that serve requests to models; 1: all is in one process. */
    readonly workers: number;
    readonly maxConcurrentRequests: number;
    /** Key that clients must present, read from `api_key_env`; null: no key asked. */
    readonly apiKey: string | null;
    /** How long an upstream call goes on, for its usage, after its client has left. */
    readonly clientGoneDrainSeconds: number;
  };
  readonly metrics: { readonly port: number | null };
  readonly logging: {
    readonly level: 'error' | 'warn' | 'info' | 'debug';
    readonly format: 'pretty' | 'json';
    readonly file: string | null;
  };
  readonly healthCheck: {
    readonly enabled: boolean;
    readonly intervalSeconds: number;
    readonly timeoutSeconds: number;
    readonly failureThreshold: number;
    readonly recoveryThreshold: number;
  };
  readonly routing: RoutingSettings;
  readonly ledger: {
    /** SQLite file; `:memory:` keeps nothing and is said loudly at start. */
    readonly path: string;
  };
  readonly alerts: { readonly webhooks: readonly WebhookSettings[] };
  readonly control: { readonly clock: 'system' | 'injected'; readonly inspector: boolean };
  readonly backends: readonly BackendSettings[];
}
