/** Who tells a chart what, and whom a chart tells; compared with the charts whenever their README is generated. */
interface Wire {
  readonly from: string;
  readonly event: string;
  readonly to: string;
  readonly meaning: string;
  /** The chart announces nothing; whoever listens sees it in its snapshot. */
  readonly bySnapshot?: true;
}

export const WIRES: readonly Wire[] = [
  {
    from: 'the spend gate',
    event: 'totals.changed',
    to: 'budget-reconciler',
    meaning:
      'The balances of the ledger: at once when they reach a threshold, else a tenth of a second later, and always before any other event.',
  },
  {
    from: 'the turn of a month',
    event: 'month.turned',
    to: 'budget-reconciler',
    meaning: 'The ledger has opened a new month; its totals.',
  },
  {
    from: 'a reconciliation',
    event: 'reconciled',
    to: 'budget-reconciler',
    meaning: 'The totals that the ledger recomputed from its entries.',
  },
  {
    from: 'an operator',
    event: 'budget.changed',
    to: 'budget-reconciler',
    meaning: 'Another limit, soft percentage or action.',
  },
  {
    from: 'the request path',
    event: 'nothing fits',
    to: 'budget-reconciler',
    meaning: 'An ordinary request was refused with no hold in flight.',
  },
  {
    from: 'the config file',
    event: 'prices.changed',
    to: 'budget-reconciler',
    meaning: 'Other prices are in force, by a changed file or by their date.',
  },
  {
    from: 'budget-reconciler',
    event: 'soft limit reached',
    to: 'logs, metrics, dashboard',
    meaning: 'Once for each crossing upwards.',
  },
  {
    from: 'budget-reconciler',
    event: 'hard limit reached',
    to: 'logs, metrics, dashboard',
    meaning: 'Once for each crossing upwards.',
  },
  {
    from: 'budget-reconciler',
    event: 'limit changed',
    to: 'logs, metrics, dashboard',
    meaning: 'The limit that was and the one that is.',
  },
  {
    from: 'budget-reconciler',
    bySnapshot: true,
    event: 'budget status changed',
    to: 'scheduler-reconciler',
    meaning: 'Status, action, limit and month.',
  },
  {
    from: 'backend-health',
    bySnapshot: true,
    event: 'backend changed',
    to: 'scheduler-reconciler',
    meaning: 'Health, reason, models and latency of one backend.',
  },
  {
    from: 'scheduler-reconciler',
    event: 'policy changed',
    to: 'the policy publisher',
    meaning: 'The snapshot holds another policy; it is frozen, numbered and published.',
  },
  {
    from: 'probes',
    event: 'probe succeeded',
    to: 'backend-health',
    meaning: 'The backend answered a question that costs nothing: latency and models.',
  },
  {
    from: 'probes',
    event: 'probe failed',
    to: 'backend-health',
    meaning: 'It did not, and why.',
  },
  {
    from: 'live traffic',
    event: 'attempt succeeded',
    to: 'backend-health',
    meaning:
      'An attempt was answered. Successes of a steady backend are gathered for a quarter of a second and sent as one.',
  },
  {
    from: 'live traffic',
    event: 'attempt failed',
    to: 'backend-health',
    meaning: 'An attempt was not served, and why.',
  },
  {
    from: 'backend-health',
    event: 'health changed',
    to: 'logs, metrics, dashboard',
    meaning: 'From what to what, and why.',
  },
  {
    from: 'requests and timers',
    event: 'clock.ticked',
    to: 'month-clock',
    meaning: 'What time it is; sent only when a month is over.',
  },
  {
    from: 'the calendar',
    event: 'calendar extended',
    to: 'month-clock',
    meaning: 'More months, as instants.',
  },
  {
    from: 'month-clock',
    event: 'month turned',
    to: 'the turn of a month',
    meaning:
      'Once for each boundary: the gate is flushed, the ledger opens the month, the budget hears of it.',
  },
  {
    from: 'month-clock',
    event: 'calendar is running out',
    to: 'the calendar',
    meaning: 'From which instant on months are wanted.',
  },
  {
    from: 'the composition root',
    event: 'drain',
    to: 'nexus',
    meaning: 'The gateway takes no more requests.',
  },
  {
    from: 'the composition root',
    event: 'drained',
    to: 'nexus',
    meaning: 'The last request has ended: stop.',
  },
  {
    from: 'nexus',
    event: 'child failed',
    to: 'logs, metrics, dashboard',
    meaning: 'Which actor, why, and whether it is started again or given up.',
  },
  {
    from: 'nexus',
    event: 'a failure grew old',
    to: 'nexus',
    meaning: 'Sent to itself when a failure leaves the restart window.',
  },
  {
    from: 'nexus',
    event: 'a health actor is due',
    to: 'nexus',
    meaning: 'Sent to itself at the start, and when the pause after a failure is over.',
  },
];
