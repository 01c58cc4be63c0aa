/** The cards of all charts. The files of the charts are the gateway's own; each draws itself. */
import { backendHealthMachine } from '../../../../machines/backend-health.machine.ts';
import { budgetReconcilerMachine } from '../../../../machines/budget-reconciler.machine.ts';
import { monthClockMachine } from '../../../../machines/month-clock.machine.ts';
import { nexusMachine } from '../../../../machines/nexus.machine.ts';
import { schedulerReconcilerMachine } from '../../../../machines/scheduler-reconciler.machine.ts';
import { ChartCard } from './chart-card.js';
import { activePaths } from './words.js';

const HEALTH_PREFIX = 'health.';

/** Arrows that the records say were followed, by chart. */
function takenArrows(records) {
  const taken = new Map();
  for (const { chart, steps } of records) {
    const arrows = taken.get(chart) ?? new Set();
    for (const { from, to, guard } of steps) {
      for (const target of to)
        arrows.add(`${from} ${target}`).add(`${from} ${target} ${guard ?? ''}`);
    }
    taken.set(chart, arrows);
  }
  return taken;
}

/** What each actor did last, where nobody says which step is looked at. */
export function lastOfEach(records) {
  const last = new Map();
  for (const record of records) if (record.isOfNote) last.set(record.actor, record);
  return [...last.values()];
}

export class Charts {
  #cards;

  /** @param {HTMLElement} place @param {HTMLElement} rootPlace the root has many parts and stands apart */
  constructor(place, rootPlace) {
    const cards = [
      new ChartCard(budgetReconcilerMachine, 'Budget reconciler'),
      new ChartCard(schedulerReconcilerMachine, 'Scheduler reconciler'),
      new ChartCard(backendHealthMachine, 'Backend health'),
      new ChartCard(monthClockMachine, 'Month clock'),
    ];
    const root = new ChartCard(nexusMachine, 'Nexus');
    place.append(...cards.map(({ node }) => node));
    rootPlace.append(root.node);
    this.#cards = [...cards, root];
  }

  /** @param {object[]} followed the records whose arrows are coloured */
  show(view, followed) {
    const taken = takenArrows(followed);
    for (const card of this.#cards) {
      const actors = view.actors
        .filter(({ chart }) => chart === card.id)
        .map(({ id, state, context }) => ({
          name: id.startsWith(HEALTH_PREFIX) ? id.slice(HEALTH_PREFIX.length) : '',
          state,
          context,
          paths: activePaths(state),
        }));
      card.show(actors, taken.get(card.id) ?? new Set(), view.cycle.timezone);
      card.node.classList.toggle('absent', actors.length === 0);
    }
  }
}
