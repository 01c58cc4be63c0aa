/**
 * A scenario as text, for the address of the page: `#limit=100&...&do=spend+76&do=month&at=2`. It can be read, written by
 * hand and sent to somebody else. Knows no browser.
 */

import { isTimezone } from '../../../core/billing-period.ts';

export const DEFAULT_SETUP = {
  start: '2026-11-10T12:00:00Z',
  limit: '100',
  soft: 75,
  action: 'block_cloud',
  day: 1,
  zone: 'UTC',
  spent: '0',
  backends: [
    { name: 'local', kind: 'local', models: ['llama3', 'mixtral'] },
    { name: 'cloud', kind: 'cloud', models: ['gpt-4-turbo', 'mixtral'] },
  ],
};

export const MOST_STEPS = 300;
/** What is wrong in a link, in words for who followed it. */
export class LinkError extends Error {
  name = 'LinkError';
}

const MOST_BACKENDS = 50;
const MOST_MODELS = 50;

/** Words with spaces in between; a space within a word is written as %20. */
function joined(words) {
  return words.map((word) => encodeURIComponent(word)).join(' ');
}

function split(text) {
  try {
    return text.split(' ').filter(Boolean).map(decodeURIComponent);
  } catch {
    throw new LinkError(`"${text}" is not written as a link is`);
  }
}

/**
 * @param {{setup: object, actions: string[][], at: number}} scenario
 * @returns {string} without the `#`
 */
export function writeLink({ setup, actions, at }) {
  const fields = new URLSearchParams();
  fields.set('start', setup.start);
  if (setup.limit !== null) {
    fields.set('limit', setup.limit);
    fields.set('soft', String(setup.soft));
    fields.set('action', setup.action);
  }
  fields.set('day', String(setup.day));
  fields.set('zone', setup.zone);
  fields.set('spent', setup.spent);
  for (const { name, kind, models } of setup.backends)
    fields.append('backend', joined([name, kind, ...models]));
  for (const action of actions) fields.append('do', joined(action));
  if (at < actions.length) fields.set('at', String(at));
  return fields.toString();
}

function backendOf(text) {
  const [name, kind, ...models] = split(text);
  if (!name || !['local', 'cloud'].includes(kind))
    throw new LinkError(`"${text}" is not a backend`);
  return { name, kind, models: models.slice(0, MOST_MODELS) };
}

function wholeOf(text, least, most, what) {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new LinkError(`${what} is a whole number from ${least} to ${most}, not "${text}"`);
}

function setupOf(fields) {
  const field = (name) => fields.get(name) ?? DEFAULT_SETUP[name];
  const backends = fields.getAll('backend').slice(0, MOST_BACKENDS).map(backendOf);
  const zone = field('zone');
  if (!isTimezone(zone))
    throw new LinkError(`There is no time zone "${zone}"; write one such as Europe/Berlin`);
  return {
    start: field('start'),
    limit: fields.get('limit'),
    soft: Number(field('soft')),
    action: field('action'),
    day: wholeOf(field('day'), 1, 31, 'The billing day'),
    zone,
    spent: field('spent'),
    backends: backends.length === 0 ? DEFAULT_SETUP.backends : backends,
  };
}

/**
 * Reads what `writeLink` wrote. Null when the text holds no scenario. Throws a `LinkError` when it holds a wrong
 * one.
 *
 * @param {string} text without the `#`
 * @returns {{setup: object, actions: string[][], at: number} | null}
 */
export function readLink(text) {
  const fields = new URLSearchParams(text);
  if (!fields.has('start') && !fields.has('limit') && !fields.has('do')) return null;
  const actions = fields.getAll('do').slice(0, MOST_STEPS).map(split);
  const at = fields.has('at')
    ? wholeOf(fields.get('at'), 0, actions.length, 'The step')
    : actions.length;
  return { setup: setupOf(fields), actions, at };
}
