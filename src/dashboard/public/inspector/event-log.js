/** The events that the actors took, newest first. */
import { element } from '../dashboard-elements.js';
import { triggerOf } from './chart-model.js';
import { fieldName, fieldValue, shortState, stamp } from './words.js';

const MOST_SHOWN = 200;

function isFlat(value) {
  return typeof value !== 'object' || value === null;
}

function fieldsOf(event, zone) {
  return Object.entries(event)
    .filter(([name, value]) => name !== 'type' && isFlat(value))
    .map(([name, value]) => `${fieldName(name)} ${fieldValue(name, value, zone)}`)
    .join(', ');
}

function eventName({ event, count }) {
  const name = event.type === 'xstate.init' ? 'started' : triggerOf(event.type);
  return count > 1 ? `${name}, ${count} times` : name;
}

function whyOf({ steps, from, to }) {
  if (from === null || JSON.stringify(from) === JSON.stringify(to)) return null;
  const guards = steps.map(({ guard }) => guard).filter((guard) => guard !== null);
  return guards.length === 0 ? null : `because ${guards.at(-1)}`;
}

function stateLine({ from, to }) {
  const now = shortState(to);
  if (from === null) return [element('strong', {}, now)];
  const before = shortState(from);
  return before === now ? [`stays ${now}`] : [`${before} to `, element('strong', {}, now)];
}

function item(record, zone, isNew) {
  const { actor, atMs, announced, isOfNote } = record;
  const fields = fieldsOf(record.event, zone);
  const why = whyOf(record);
  return element(
    'li',
    { class: `${isOfNote ? 'note' : ''} ${isNew ? 'new' : ''}`.trim() },
    element(
      'span',
      { class: 'head' },
      element('b', {}, actor),
      element('time', { class: 'quiet' }, stamp(atMs, zone)),
    ),
    element(
      'span',
      {},
      element('code', {}, eventName(record)),
      ':',
      ' ',
      ...stateLine(record),
      why === null ? '' : ` ${why}`,
    ),
    announced.length === 0 ? null : element('span', {}, `announces: ${announced.join(', ')}`),
    fields === '' ? null : element('span', { class: 'quiet' }, fields),
  );
}

export class EventLog {
  #list;
  #all;
  #records = new Map();
  #zone = 'UTC';
  #newFrom = Infinity;
  #shown = '';

  /** @param {HTMLElement} list @param {HTMLInputElement} all shows also what is not of note */
  constructor(list, all) {
    this.#list = list;
    this.#all = all;
    all.addEventListener('change', () => this.#render());
  }

  /** Another source: what was before has nothing to do with it. */
  clear() {
    this.#records.clear();
    this.#render();
  }

  /** Exactly these, as a step of a simulation shows them; from `newFrom` on they belong to it. */
  show(records, newFrom, zone) {
    this.#records = new Map(records.map((record) => [record.seq, record]));
    this.#newFrom = newFrom;
    this.#zone = zone;
    this.#render();
  }

  /** These too, as they come from a running gateway. */
  add(records, zone) {
    for (const record of records) {
      // A gathered record goes on under the number of its last event.
      for (const [seq, { actor, event, isOfNote, count }] of this.#records) {
        const isLike =
          !isOfNote &&
          !record.isOfNote &&
          actor === record.actor &&
          event.type === record.event.type;
        if (isLike && count < record.count && seq < record.seq) this.#records.delete(seq);
      }
      this.#records.set(record.seq, record);
    }
    const kept = [...this.#records.values()]
      .toSorted((a, b) => a.seq - b.seq)
      .slice(-2 * MOST_SHOWN);
    this.show(kept, Infinity, zone);
  }

  #render() {
    const records = [...this.#records.values()]
      .filter(({ isOfNote }) => isOfNote || this.#all.checked)
      .toSorted((a, b) => b.seq - a.seq)
      .slice(0, MOST_SHOWN);
    const text = JSON.stringify([records, this.#newFrom, this.#zone]);
    if (text === this.#shown) return;
    this.#shown = text;
    this.#list.replaceChildren(
      ...(records.length === 0
        ? [element('li', { class: 'quiet' }, 'Nothing has happened yet.')]
        : records.map((record) => item(record, this.#zone, record.seq >= this.#newFrom))),
    );
  }
}
