/** Prices with effective dates, as the file writes them. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeSettings } from '../../src/config/describe-settings.ts';
import { loadConfig, type LoadedConfig } from '../../src/config/load-config.ts';
import { TomlFiles } from '../support/toml-files.ts';

let files: TomlFiles;
beforeAll(() => {
  files = new TomlFiles();
});
afterAll(() => files.remove());

const BACKEND = '[[backends]]\nname = "box"\ntype = "vllm"\nurl = "http://127.0.0.1:1"\n';
const PRICED = `${BACKEND}[backends.prices."gpt"]\ninput = 1\noutput = 2\n`;
const RATES = 'input = 1, output = 2';
const PLACE = 'backends[0].prices.gpt.versions';

function load(toml: string): LoadedConfig {
  return loadConfig({ path: files.write(toml), env: {} });
}

describe('prices with dates', () => {
  it('are exact, in order, and begin at midnight UTC where only a day is named', () => {
    const { backends } = load(`${PRICED}
[[backends.prices."gpt".versions]]
from = "2026-12-01"
input = 0.5
output = "0.000001"
cached_input = 0.1
max_output_tokens = 7
[[backends.prices."gpt".versions]]
from = "2027-01-01T00:00:00+01:00"
input = 0
output = 0
per_request = 0.01
`).settings;

    expect(backends[0]?.prices['gpt']).toEqual({
      input: 1_000_000,
      output: 2_000_000,
      versions: [
        {
          fromMs: Date.parse('2026-12-01T00:00:00Z'),
          input: 500_000,
          output: 1,
          cachedInput: 100_000,
          maxOutputTokens: 7,
        },
        {
          fromMs: Date.parse('2026-12-31T23:00:00Z'),
          input: 0,
          output: 0,
          perRequest: 10_000_000,
        },
      ],
    });
  });

  it('can stand in one line, and are shown with their times', () => {
    const { settings } = load(
      `${BACKEND}[backends.prices]\n"gpt" = { ${RATES}, versions = [{ from = "2026-12-01", ${RATES} }] }`,
    );

    expect(describeSettings(settings)).toMatchObject({
      backends: [
        {
          prices: {
            gpt: {
              input: 1,
              output: 2,
              versions: [{ from: '2026-12-01T00:00:00.000Z', input: 1, output: 2 }],
            },
          },
        },
      ],
    });
  });
});

describe('a mistake in a price with dates is one line', () => {
  it.each([
    [
      'no price before the first date',
      `${BACKEND}[backends.prices]\n"gpt" = { versions = [{ from = "2026-12-01", ${RATES} }] }`,
      'backends[0].prices.gpt.input is missing; it takes a number that is not negative',
    ],
    [
      'no date',
      `${PRICED}versions = [{ ${RATES} }]`,
      `${PLACE}[0].from is missing; it takes text that is not empty`,
    ],
    [
      'half a price',
      `${PRICED}versions = [{ from = "2026-12-01", input = 1 }]`,
      `${PLACE}[0].output is missing; it takes a number that is not negative`,
    ],
    [
      'a rate that can not be kept',
      `${PRICED}versions = [{ from = "2026-12-01", input = 1, output = 0.0000001 }]`,
      `${PLACE}[0].output can not be used: 0.0000001 has more than 6 decimals, which a price in USD per million tokens can not keep exactly`,
    ],
    [
      'a table for the list',
      `${PRICED}versions = { from = "2026-12-01", ${RATES} }`,
      `${PLACE} is a table; use a list of tables: write [[${PLACE}]] instead of [${PLACE}]`,
    ],
    [
      'a date before the one above',
      `${PRICED}versions = [{ from = "2026-12-01", ${RATES} }, { from = "2026-11-30", ${RATES} }]`,
      `${PLACE}[1].from is "2026-11-30", before that of the version above it; write each time once, the earliest first`,
    ],
    [
      'the same instant twice, written otherwise',
      `${PRICED}versions = [{ from = "2026-12-01", ${RATES} }, { from = "2026-12-01T01:00:00+01:00", ${RATES} }]`,
      `${PLACE}[1].from is "2026-12-01T01:00:00+01:00", the same time as that of the version above it; write each time once, the earliest first`,
    ],
    [
      'a key that is none',
      `${PRICED}versions = [{ form = "2026-12-01", ${RATES} }]`,
      `${PLACE}[0].form is no key; did you mean ${PLACE}[0].from?`,
    ],
  ])('%s', (_words, toml, line) => {
    const path = files.write(toml);

    expect(() => loadConfig({ path, env: {} })).toThrow(`${path}: ${line} (backend "box")`);
  });

  it('a date without quotes', () => {
    const toml = `${PRICED}[[backends.prices.gpt.versions]]\nfrom = 2026-12-01\ninput = 1\noutput = 2`;

    expect(() => load(toml)).toThrow(
      `${PLACE}[0].from is a date or a time, which no key takes; put it in quotes if it is meant as text`,
    );
  });

  it.each(['2026-02-30', 'tomorrow', '2026-12-01T00:00:00', '2026-12-1', '2026-12-01T24:00:00Z'])(
    '%s is no time',
    (from) => {
      expect(() => load(`${PRICED}versions = [{ from = "${from}", ${RATES} }]`)).toThrow(
        `${PLACE}[0].from is "${from}", which is no time; write a date such as "2026-12-01" or a time with its zone such as "2026-12-01T00:00:00Z"`,
      );
    },
  );
});
