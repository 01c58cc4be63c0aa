/** The table of commands, in the order of the help. */
import type { CommandRow } from './command.ts';

export const COMMANDS: readonly CommandRow[] = [
  {
    words: 'serve',
    summary: 'Start the gateway.',
    load: async () => (await import('./commands/serve.ts')).serve,
  },
  {
    words: 'demo',
    summary: 'See a whole month of budget in half a minute, without a key.',
    load: async () => (await import('./commands/demo.ts')).demo,
  },
  {
    words: 'simulate',
    summary: 'Play traffic against a config and see what would have happened.',
    load: async () => (await import('./commands/simulate.ts')).simulate,
  },
  {
    words: 'inspect',
    summary: 'See the statecharts and play with them in a browser.',
    load: async () => (await import('./commands/inspect.ts')).inspect,
  },
  {
    words: 'check',
    summary: 'Validate a config and show what would run.',
    load: async () => (await import('./commands/check.ts')).check,
  },
  {
    words: 'config init',
    summary: 'Write an annotated example config.',
    load: async () => (await import('./commands/config-init.ts')).configInit,
  },
  {
    words: 'estimate',
    summary: 'Price a request without sending it.',
    load: async () => (await import('./commands/estimate.ts')).estimate,
  },
  {
    words: 'prices',
    summary: 'Show the price list in use: version, date, age, overrides.',
    load: async () => (await import('./commands/prices.ts')).prices,
  },
  {
    words: 'prices list',
    summary: 'Show the prices in force, or those of the packaged list.',
    load: async () => (await import('./commands/prices-list.ts')).pricesList,
  },
  {
    words: 'prices check',
    summary: 'Find models in use without a price that can be trusted.',
    load: async () => (await import('./commands/prices-check.ts')).pricesCheck,
  },
  {
    words: 'budget',
    summary: "Show this month's budget.",
    load: async () => (await import('./commands/budget.ts')).budget,
  },
  {
    words: 'backends',
    summary: 'Show the backends and their health.',
    load: async () => (await import('./commands/backends.ts')).backends,
  },
  {
    words: 'models',
    summary: 'Show the models that can be asked for.',
    load: async () => (await import('./commands/models.ts')).models,
  },
  {
    words: 'ledger list',
    summary: 'Show the latest entries of the ledger.',
    load: async () => (await import('./commands/ledger-list.ts')).ledgerList,
  },
  {
    words: 'ledger export',
    summary: 'Write the ledger as CSV or JSON lines.',
    load: async () => (await import('./commands/ledger-export.ts')).ledgerExport,
  },
  {
    words: 'ledger verify',
    summary: 'Recompute every balance of a ledger file from its entries.',
    load: async () => (await import('./commands/ledger-verify.ts')).ledgerVerify,
  },
  {
    words: 'clock',
    summary: 'Read or advance the clock of a gateway with an injected clock.',
    load: async () => (await import('./commands/clock.ts')).clock,
  },
];
