/** What an actor remembers, as a list: money as money, instants as dates, and what is nested folded away. */
import { element } from '../dashboard-elements.js';
import { fieldName, fieldValue } from './words.js';

function isFlat(value) {
  return typeof value !== 'object' || value === null;
}

function summaryOf(value) {
  if (Array.isArray(value)) return value.length === 1 ? '1 entry' : `${value.length} entries`;
  const { month, name, id, status } = value;
  return String(month ?? name ?? id ?? status ?? `${Object.keys(value).length} fields`);
}

function nested(value, zone) {
  if (isFlat(value)) return element('span', {}, fieldValue('', value, zone));
  const entries = Object.entries(value);
  if (entries.length === 0) return element('span', {}, 'none');
  return element(
    'dl',
    { class: 'nested' },
    ...entries.map(([key, inner]) =>
      element(
        'div',
        {},
        element('dt', {}, Array.isArray(value) ? String(Number(key) + 1) : fieldName(key)),
        element('dd', {}, isFlat(inner) ? fieldValue(key, inner, zone) : nested(inner, zone)),
      ),
    ),
  );
}

function entry(name, value, zone, open) {
  const isEmpty = !isFlat(value) && Object.keys(value).length === 0;
  const shown =
    isFlat(value) || isEmpty
      ? isEmpty
        ? 'none'
        : fieldValue(name, value, zone)
      : element(
          'details',
          { 'data-name': name, open: open.has(name) ? '' : null },
          element('summary', {}, summaryOf(value)),
          nested(value, zone),
        );
  return element('div', {}, element('dt', {}, fieldName(name)), element('dd', {}, shown));
}

/** The name under which it is remembered whether the list of an actor is unfolded. */
export function contextKey(name) {
  return `context ${name}`;
}

/** @param {Set<string>} open names of what a person has unfolded, which stays so */
export function contextList(name, context, zone, open) {
  const title = name === '' ? 'What it remembers' : `What the one of ${name} remembers`;
  const key = contextKey(name);
  return element(
    'details',
    { class: 'context', 'data-name': key, open: open.has(key) ? '' : null },
    element('summary', {}, title),
    element(
      'dl',
      {},
      ...Object.entries(context ?? {}).map(([field, value]) => entry(field, value, zone, open)),
    ),
  );
}
