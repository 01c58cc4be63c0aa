/** From the validated document to the settings that the gateway runs on. */
import type { Settings } from '../core/settings.ts';
import { buildAlerts } from './build-alerts.ts';
import { buildBackends, type LeftOutBackend } from './build-backends.ts';
import { buildRouting } from './build-routing.ts';
import { KeyProblem } from './config-error.ts';
import type { Environment } from './environment.ts';
import type { RawConfig } from './raw-config.ts';
import { readSecret } from './secrets.ts';

export interface BuiltSettings {
  readonly settings: Settings;
  readonly leftOut: readonly LeftOutBackend[];
  /** Things to tell the operator that stop nothing. */
  readonly warnings: readonly string[];
}

function buildServer(raw: RawConfig['server'], env: Environment): Settings['server'] {
  const path = ['server', 'api_key_env'];
  const apiKey = raw.api_key_env === undefined ? null : readSecret(env, raw.api_key_env, path);
  if (raw.api_key_env !== undefined && apiKey === null) {
    // Without the key the door would stand open although the file says otherwise.
    throw new KeyProblem(
      path,
      `names ${raw.api_key_env}, which is not set; set it, or take the key out to let everybody in`,
    );
  }
  return {
    host: raw.host,
    port: raw.port,
    requestTimeoutSeconds: raw.request_timeout_seconds,
    drainTimeoutSeconds: raw.drain_timeout_seconds,
    maxBodyBytes: raw.max_body_bytes,
    workers: raw.workers,
    maxConcurrentRequests: raw.max_concurrent_requests,
    apiKey,
    clientGoneDrainSeconds: raw.client_gone_drain_seconds,
  };
}

function buildMetrics({ metrics, server }: RawConfig): Settings['metrics'] {
  if (metrics.port !== undefined && metrics.port !== 0 && metrics.port === server.port) {
    throw new KeyProblem(
      ['metrics', 'port'],
      `is ${metrics.port}, the port of the server, which has /metrics anyway; use another one or leave it out`,
    );
  }
  return { port: metrics.port ?? null };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function warningsOf(raw: RawConfig, leftOut: readonly LeftOutBackend[]): readonly string[] {
  const warnings = leftOut.map(({ name, reason }) => `backend ${name} is left out: ${reason}`);
  if (raw.routing.budget && raw.routing.budget.monthly_limit_usd === undefined) {
    warnings.push('routing.budget has no monthly_limit_usd, so no budget is enforced');
  }
  const { webhooks } = raw.alerts;
  if (webhooks.length > 0 && raw.routing.budget?.monthly_limit_usd === undefined) {
    warnings.push(
      'there are alerts.webhooks but no budget, so nothing but the turn of the month is told',
    );
  }
  const { host, api_key_env: keyVariable } = raw.server;
  if (!isLoopback(host) && keyVariable === undefined) {
    warnings.push(
      `server.host is ${host} and server.api_key_env is not set, so whoever reaches this machine can use the backends and their keys`,
    );
  }
  return warnings;
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}

/** Throws `KeyProblem`. */
export function buildSettings(raw: RawConfig, env: Environment): BuiltSettings {
  const { backends, leftOut } = buildBackends(raw.backends, env);
  const { health_check: health } = raw;
  const settings: Settings = {
    server: buildServer(raw.server, env),
    metrics: buildMetrics(raw),
    logging: {
      level: raw.logging.level,
      format: raw.logging.format,
      file: raw.logging.file ?? null,
    },
    healthCheck: {
      enabled: health.enabled,
      intervalSeconds: health.interval_seconds,
      timeoutSeconds: health.timeout_seconds,
      failureThreshold: health.failure_threshold,
      recoveryThreshold: health.recovery_threshold,
    },
    routing: buildRouting(raw.routing),
    ledger: raw.ledger,
    alerts: buildAlerts(raw.alerts, env),
    control: raw.control,
    backends,
  };
  return { settings: deepFreeze(settings), leftOut, warnings: warningsOf(raw, leftOut) };
}
