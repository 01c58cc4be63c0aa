/**
 * Names of environment variables. Each key that holds a single value has a variable of its own, by one rule: `NEXUS_`,
 * the section and the key in capitals, joined by two underscores. A few have a short name as well.
 */

export const VARIABLE_PREFIX = 'NEXUS_';

const SHORT_NAMES: Readonly<Record<string, string>> = {
  NEXUS_HOST: 'server.host',
  NEXUS_PORT: 'server.port',
  NEXUS_METRICS_PORT: 'metrics.port',
  NEXUS_LOG_LEVEL: 'logging.level',
  NEXUS_LOG_FORMAT: 'logging.format',
  NEXUS_LOG_FILE: 'logging.file',
  NEXUS_HEALTH_CHECK: 'health_check.enabled',
  NEXUS_DISCOVERY: 'discovery.enabled',
  NEXUS_LEDGER_PATH: 'ledger.path',
  NEXUS_CLOCK: 'control.clock',
};

/** The variables that set a key, the short one first. `dotted`: as in `routing.budget.timezone`. */
export function variablesOf(dotted: string): readonly string[] {
  const short = Object.keys(SHORT_NAMES).filter((name) => SHORT_NAMES[name] === dotted);
  const regular = VARIABLE_PREFIX + dotted.toUpperCase().replaceAll('.', '__');
  return [...short, regular];
}
