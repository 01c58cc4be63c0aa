import { expect, test } from '@jest/globals';
import { OpenCalls } from '../../src/core/open-calls.ts';
import { Roster } from '../../src/core/roster.ts';

test('a roster has the items that came and did not leave', () => {
  const roster = new Roster<string>();
  const places = new Map(['a', 'b', 'c', 'd'].map((name) => [name, roster.add(name)]));
  const leave = (name: string): void => {
    const place = places.get(name);
    if (place !== undefined) roster.remove(place);
  };
  leave('a');
  expect(roster.items().toSorted()).toEqual(['b', 'c', 'd']);
  leave('d');
  leave('c');
  expect(roster.items()).toEqual(['b']);
  leave('b');
  expect(roster.size).toBe(0);
});

test('a place that is given back twice takes nobody else out', () => {
  const roster = new Roster<string>();
  const first = roster.add('first');
  roster.add('second');
  roster.remove(first);
  roster.remove(first);
  expect(roster.items()).toEqual(['second']);
});

test('calls that are open are given up together, and those that begin later at once', () => {
  const calls = new OpenCalls();
  const [ended, open, late] = [new AbortController(), new AbortController(), new AbortController()];
  const place = calls.add(ended);
  calls.add(open);
  calls.remove(place);
  calls.giveUp();
  calls.add(late);
  expect([ended, open, late].map(({ signal }) => signal.aborted)).toEqual([false, true, true]);
});
