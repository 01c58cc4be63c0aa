import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { pageModule } from '../support/inspector-page.ts';

const { DEFAULT_SETUP, readLink, writeLink } = await pageModule('scenario-link');

const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const backend = fc.record({
  name: word,
  kind: fc.constantFrom('local', 'cloud'),
  models: fc.array(word, { maxLength: 4 }),
});

describe('the link to a scenario', () => {
  it('comes back as it was written, whatever the names', () => {
    const scenario = fc
      .record({
        setup: fc.record({
          start: fc.constant('2026-11-10T12:00:00Z'),
          limit: fc.option(fc.constantFrom('100', '0.5')),
          soft: fc.constantFrom(75, 82.5),
          action: fc.constantFrom('warn', 'block_cloud', 'block_all'),
          day: fc.integer({ min: 1, max: 31 }),
          zone: fc.constantFrom('UTC', 'Europe/Berlin'),
          spent: fc.constantFrom('0', '12.34'),
          backends: fc.array(backend, { minLength: 1, maxLength: 4 }),
        }),
        actions: fc.array(fc.array(word, { minLength: 1, maxLength: 3 }), { maxLength: 6 }),
      })
      .chain(({ setup, actions }) =>
        fc.record({
          setup: fc.constant(setup),
          actions: fc.constant(actions),
          at: fc.integer({ min: 0, max: actions.length }),
        }),
      );
    fc.assert(
      fc.property(scenario, (written) => {
        const read = readLink(writeLink(written));
        const { soft, action, ...setup } = read.setup;
        // Without a budget there is no soft limit to be kept.
        expect({ ...read, setup }).toEqual({
          ...written,
          setup: Object.fromEntries(
            Object.entries(written.setup).filter(([name]) => name !== 'soft' && name !== 'action'),
          ),
        });
        const hasBudget = written.setup.limit !== null;
        expect([soft, action]).toEqual(
          hasBudget
            ? [written.setup.soft, written.setup.action]
            : [DEFAULT_SETUP.soft, DEFAULT_SETUP.action],
        );
      }),
    );
  });

  it('can be written by hand, with the rest as usual', () => {
    expect(readLink('limit=50&do=spend+49&do=month')).toEqual({
      setup: { ...DEFAULT_SETUP, limit: '50' },
      actions: [['spend', '49'], ['month']],
      at: 2,
    });
  });

  it('is none where there is no scenario in the address', () => {
    for (const text of ['', 'charts-title', 'at=3']) expect(readLink(text)).toBeNull();
  });

  it.each([
    ['limit=1&day=32', 'The billing day is a whole number from 1 to 31'],
    ['limit=1&zone=Atlantis', 'There is no time zone "Atlantis"'],
    ['limit=1&do=month&at=2', 'The step is a whole number from 0 to 1'],
    ['limit=1&backend=x+moon', '"x moon" is not a backend'],
    ['limit=1&do=spend+%25E0%25A4%25A', 'is not written as a link is'],
  ])('says what is wrong in %s', (text, words) => {
    expect(() => readLink(text)).toThrow(words);
  });

  it('is bounded in what it asks for', () => {
    const long = `limit=1&${'do=day&'.repeat(5000)}`;
    expect(readLink(long).actions).toHaveLength(300);
  });
});
