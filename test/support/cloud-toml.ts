/** TOML of backends that cost money, at a price that makes sums easy, and of budgets over them. */

/** What backends of type `openai` need before they are used. */
export const PROVIDER_KEY = 'sk-test-provider-key-4711';
export const KEYS = { OPENAI_API_KEY: PROVIDER_KEY };

interface BackendToml {
  readonly name: string;
  readonly url: string;
  readonly type?: string;
  readonly kind?: 'local' | 'cloud';
  readonly priority?: number;
  readonly models?: readonly string[];
  /** USD per million tokens; null leaves the price to the packaged list. */
  readonly price?: { readonly input: number; readonly output: number } | null;
}

const PRICE = { input: 10, output: 30 };

export function backendToml(backend: BackendToml): string {
  const { name, url, type = 'openai', kind, priority = 50, models = ['gpt-4-turbo'] } = backend;
  const { price = PRICE } = backend;
  return [
    '[[backends]]',
    `name = "${name}"`,
    `url = "${url}"`,
    `type = "${type}"`,
    ...(kind === undefined ? [] : [`kind = "${kind}"`]),
    `priority = ${priority}`,
    `models = ${JSON.stringify(models)}`,
    ...(price === null
      ? []
      : ['[backends.prices]', `"*" = { input = ${price.input}, output = ${price.output} }`]),
    '',
  ].join('\n');
}

export function budgetToml(limitUsd: number | string, more = ''): string {
  const action = more.includes('hard_limit_action') ? '' : 'hard_limit_action = "block_cloud"\n';
  return `[routing.budget]\nmonthly_limit_usd = ${limitUsd}\n${action}${more}\n`;
}

/** No probe of a backend in the middle of a test that moves the clock. */
export const NO_PROBES = '[health_check]\ninterval_seconds = 86400\nfailure_threshold = 1000\n';

/** Nano-dollars of a usage at the price above. */
export function costNano(input: number, output: number): bigint {
  return BigInt(input) * 10_000n + BigInt(output) * 30_000n;
}
