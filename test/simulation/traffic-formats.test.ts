import { describe, expect, it } from '@jest/globals';
import { NO_USAGE } from '../../src/core/usage.ts';
import { readFileOf } from '../support/simulated-month.ts';

const HEADER = 'time,model,input_tokens,output_tokens';

/** What is read, in few words: time, model, input and output tokens. */
async function read(text: string, size?: number): Promise<readonly string[]> {
  const { requests } = await readFileOf(text, size);
  return requests.map(
    ({ atMs, model, usage }) =>
      `${new Date(atMs).toISOString()} ${model} ${usage.input} ${usage.output}`,
  );
}

describe('a CSV of traffic', () => {
  it('has a header and a request in each row', async () => {
    const rows = `${HEADER}\n2026-11-02T09:00:00Z,gpt-4o,1200,350\n2026-11-02T10:00:00.250+01:00,"a ""quoted"", name",0,7\n`;

    expect(await read(rows)).toEqual([
      '2026-11-02T09:00:00.000Z gpt-4o 1200 350',
      '2026-11-02T09:00:00.250Z a "quoted", name 0 7',
    ]);
  });

  it('may come from Windows, with its columns in another order, blank lines and no last line break', async () => {
    const rows =
      '\uFEFFmodel,output_tokens,note,time,input_tokens\r\n\r\nm,2,"two\r\nlines",2026-11-02T09:00:00Z,1.0\r\n\r\nn,4,,2026-11-02t09:00:01z,3';

    expect(await read(rows)).toEqual([
      '2026-11-02T09:00:00.000Z m 1 2',
      '2026-11-02T09:00:01.000Z n 3 4',
    ]);
  });

  it('may tell parts of the totals, and what was asked for', async () => {
    const { requests } = await readFileOf(
      `${HEADER},cached_input_tokens,reasoning_tokens,max_tokens\n2026-11-02T09:00:00Z,m,10,20,3,,500\n2026-11-02T09:00:00Z,m,10,20,,4,\n`,
    );

    expect(requests).toMatchObject([
      { usage: { ...NO_USAGE, input: 10, output: 20, cachedInput: 3 }, maxOutputTokens: 500 },
      { usage: { ...NO_USAGE, input: 10, output: 20, reasoning: 4 }, maxOutputTokens: null },
    ]);
  });

  it('is read the same way in pieces of any size', async () => {
    const rows = `${HEADER},note\n2026-11-02T09:00:00Z,größe,1,2,"a\nb ""c"" 😀"\r\n2026-11-02T09:00:01Z,m,3,4,\n`;
    const whole = await read(rows);

    expect(whole).toHaveLength(2);
    for (let size = 1; size < 40; size += 1) expect(await read(rows, size)).toEqual(whole);
  });

  it.each([
    ['', 'traffic has no requests to play'],
    [`${HEADER}\n`, 'traffic has no requests to play'],
    [
      'when,what\n1,2\n',
      'traffic, line 2: this is no traffic that is known; a CSV begins with the header time,model,input_tokens,output_tokens, and JSON lines have the same names (also known: exports of nexus ledger, OpenAI usage and LiteLLM spend logs). It has when, what',
    ],
    [`${HEADER}\n2026-11-02T09:00:00Z,m,1\n`, 'traffic, line 2: has 3 cells, and the header has 4'],
    [
      `${HEADER}\n2026-11-02T09:00:00Z,m,1,2\n2026-11-02T09:00:00Z,m,1,some\n`,
      'traffic, line 3: output_tokens must be a whole number of tokens from 0 to 1000000000, not "some"',
    ],
    [
      `${HEADER}\n2026-11-02T09:00:00Z,m,-1,2\n`,
      'traffic, line 2: input_tokens must be a whole number of tokens from 0 to 1000000000, not "-1"',
    ],
    [`${HEADER}\n2026-11-02T09:00:00Z,,1,2\n`, 'traffic, line 2: model is missing'],
    [
      `${HEADER}\n2026-11-02 09:00:00,m,1,2\n`,
      'traffic, line 2: time has no time zone: write 2026-11-02T09:00:00Z for UTC, or an offset such as +01:00, not "2026-11-02 09:00:00"',
    ],
    [
      `${HEADER}\n2026-02-30T09:00:00Z,m,1,2\n`,
      'traffic, line 2: time must be an instant in RFC 3339 such as 2026-11-02T09:00:00Z, not "2026-02-30T09:00:00Z"',
    ],
    [
      `${HEADER}\n2026-11-02T25:00:00Z,m,1,2\n`,
      'traffic, line 2: time must be an instant in RFC 3339 such as 2026-11-02T09:00:00Z, not "2026-11-02T25:00:00Z"',
    ],
    [`${HEADER}\n\n\n2 Nov,m,1,2\n`, 'traffic, line 4: time must be an instant in RFC 3339'],
    [
      `${HEADER}\n2026-11-02T09:00:00Z,"m,1,2\n2026-11-02T09:00:00Z,m,1,2\n`,
      'traffic, line 2: a quote is opened and never closed',
    ],
    [
      `${HEADER}\n2026-11-02T09:00:00Z,${'m'.repeat(300)},1,2\n`,
      'traffic, line 2: model has 300 characters',
    ],
  ])('is refused with its line and what to do: %j', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });
});

describe('JSON of traffic', () => {
  const one = { time: '2026-11-02T09:00:00Z', model: 'm', input_tokens: 1, output_tokens: 2 };
  const other = { ...one, time: '2026-11-02T09:00:01Z', model: 'a "}{" b', output_tokens: 3 };
  const expected = ['2026-11-02T09:00:00.000Z m 1 2', '2026-11-02T09:00:01.000Z a "}{" b 1 3'];

  it.each([
    ['lines', `${JSON.stringify(one)}\n${JSON.stringify(other)}\n`],
    ['lines of Windows, some blank', `\r\n${JSON.stringify(one)}\r\n\r\n${JSON.stringify(other)}`],
    ['an array', JSON.stringify([one, other])],
    ['an array for people', JSON.stringify([one, other], null, 2)],
    ['objects for people', `${JSON.stringify(one, null, 2)}\n${JSON.stringify(other, null, 2)}`],
    ['a page of an API', JSON.stringify({ data: [one, other], has_more: false })],
  ])('may be %s, read in pieces of any size', async (_what, text) => {
    for (const size of [1, 2, 3, 7, 64, 4096]) expect(await read(text, size)).toEqual(expected);
  });

  it.each([
    [
      `${JSON.stringify(one)}\n{"time": nonsense}\n`,
      /^traffic, line 2: this is no JSON: .*nonsense/,
    ],
    [`${JSON.stringify(one)}\nnonsense\n`, 'traffic, line 2: this is no JSON object'],
    [`${JSON.stringify(one)}\n{"time":\n`, 'traffic, line 2: the JSON value that begins here'],
    [`[${JSON.stringify(one)}\n`, 'traffic, line 2: the JSON array does not end'],
    ['[1, 2]', 'traffic, line 1: this is no JSON object'],
    ['{"data": [1]}', 'traffic, line 1, data[0]: this is no JSON object'],
    ['[]', 'traffic has no requests to play'],
    [
      JSON.stringify([one, { ...one, input_tokens: 1.5 }], null, 1),
      'traffic, line 8: input_tokens must be a whole number of tokens from 0 to 1000000000, not 1.5',
    ],
    [
      `${JSON.stringify(one)}\n${JSON.stringify({ ...one, model: 7 })}`,
      'traffic, line 2: model must be text, not 7',
    ],
    [
      `${JSON.stringify(one)}\n${JSON.stringify({ ...one, output_tokens: null })}`,
      'traffic, line 2: output_tokens is missing',
    ],
  ])('is refused with its line: %j', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });
});

describe('an exported ledger', () => {
  const columns = 'seq,kind,time,billing_month,hold_id,request_id,model,input_tokens,output_tokens';

  it('becomes a request for each charge, at the time of its hold', async () => {
    const rows = [
      columns,
      '1,hold,2026-11-30T23:59:58Z,2026-11,h1,r1,m,,',
      '2,hold,2026-11-30T23:59:59Z,2026-11,h2,r2,n,,',
      '3,void,2026-11-30T23:59:59Z,2026-11,h2,r2,n,,',
      '4,charge,2026-12-01T00:00:04Z,2026-11,h1,r1,m,10,20',
      '5,charge,2026-12-01T00:00:05Z,2026-11,h0,r0,o,1,2',
      '6,adjust,2026-12-01T00:00:06Z,2026-11,h0,r0,o,1,3',
      '7,resolve,2026-12-01T00:00:07Z,2026-11,h7,r7,o,,',
    ].join('\r\n');
    const { requests, leftOut } = await readFileOf(rows);

    expect(requests.map(({ atMs, model }) => [new Date(atMs).toISOString(), model])).toEqual([
      ['2026-11-30T23:59:58.000Z', 'm'],
      ['2026-12-01T00:00:05.000Z', 'o'],
    ]);
    expect([...leftOut]).toEqual([
      ['adjustments of earlier charges', 1],
      ['charges of which no usage is known', 1],
    ]);
  });

  it('keeps the time of a hold whose outcome was learnt late', async () => {
    const entry = (kind: string, time: string, usage: object | null): string =>
      JSON.stringify({ kind, time, hold_id: 'h', model: 'm', usage });
    const used = { input_tokens: 5, output_tokens: 6, cached_input_tokens: 2 };
    const { requests } = await readFileOf(
      [
        entry('hold', '2026-11-02T09:00:00Z', null),
        entry('suspend', '2026-11-02T09:01:00Z', null),
        entry('resolve', '2026-11-02T10:00:00Z', used),
      ].join('\n'),
    );

    expect(requests).toMatchObject([
      {
        atMs: Date.parse('2026-11-02T09:00:00Z'),
        usage: { ...NO_USAGE, input: 5, cachedInput: 2, output: 6 },
      },
    ]);
  });
});

describe("OpenAI's usage", () => {
  const bucket = { object: 'bucket', start_time: 1_793_577_600, end_time: 1_793_664_000 };
  const sums = {
    object: 'organization.usage.completions.result',
    input_tokens: 1001,
    output_tokens: 500,
    input_cached_tokens: 3,
    num_model_requests: 4,
    model: 'gpt-4o-2024-08-06',
    batch: null,
  };
  const page = (...results: object[]): string =>
    JSON.stringify({ object: 'page', data: [{ ...bucket, results }], has_more: false });

  it('is spread over the time of its buckets, to the last token', async () => {
    const { requests } = await readFileOf(page(sums));

    expect(requests.map(({ atMs }) => new Date(atMs).toISOString())).toEqual([
      '2026-11-02T03:00:00.000Z',
      '2026-11-02T09:00:00.000Z',
      '2026-11-02T15:00:00.000Z',
      '2026-11-02T21:00:00.000Z',
    ]);
    expect(requests.map(({ usage }) => [usage.input, usage.cachedInput, usage.output])).toEqual([
      [251, 1, 125],
      [250, 1, 125],
      [250, 1, 125],
      [250, 0, 125],
    ]);
  });

  it('is mixed in the order of time, model by model and bucket by bucket', async () => {
    const [two, three] = [
      { ...sums, num_model_requests: 2, model: 'a' },
      { ...sums, num_model_requests: 3, model: 'b' },
    ];
    const times = (await read(page(two, three))).map((row) => row.split(' ', 2).join(' '));

    expect(times).toEqual([
      '2026-11-02T04:00:00.000Z b',
      '2026-11-02T06:00:00.000Z a',
      '2026-11-02T12:00:00.000Z b',
      '2026-11-02T18:00:00.000Z a',
      '2026-11-02T20:00:00.000Z b',
    ]);
  });

  it('may be the CSV of the dashboard, with empty buckets in it', async () => {
    const rows = [
      'start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,service_tier,input_tokens,output_tokens,input_cached_tokens',
      '1793577600,1793577660,2026-11-02T00:00:00+00:00,2026-11-02T00:01:00+00:00,,,,,,,,,,',
      '1793577660,1793577720,2026-11-02T00:01:00+00:00,2026-11-02T00:02:00+00:00,p,1,,,gpt-4o,False,,100,20,0',
      '1793577660,1793577720,2026-11-02T00:01:00+00:00,2026-11-02T00:02:00+00:00,p,9,,,gpt-4o,True,,100,20,0',
    ].join('\n');
    const { leftOut } = await readFileOf(rows);

    expect(await read(rows)).toEqual(['2026-11-02T00:01:30.000Z gpt-4o 100 20']);
    expect([...leftOut]).toEqual([['sums of the batch API, which no gateway sees', 1]]);
  });

  it('has to be grouped by model', async () => {
    await expect(read(page({ ...sums, model: null }))).rejects.toThrow(
      'traffic, line 1, data[0], results[0]: the model is missing: export the usage again, grouped by model (group_by=model)',
    );
  });

  it.each([
    [{ ...bucket, start_time: 'soon', results: [] }, 'start_time must be a time in Unix seconds'],
    [{ ...bucket, results: 'none' }, 'results must be a list, not "none"'],
    [{ ...bucket, results: [7] }, 'results[0]: this is no JSON object'],
  ])('is refused when it is broken: %j', async (broken, message) => {
    await expect(read(JSON.stringify({ data: [broken] }))).rejects.toThrow(message);
  });
});

describe("LiteLLM's spend logs", () => {
  it('are requests, but for those that failed; a time without a zone is UTC', async () => {
    const rows = [
      'request_id,call_type,spend,prompt_tokens,completion_tokens,startTime,endTime,model,status',
      'a,acompletion,0.1,100,20,2026-11-02 09:00:00.123456,2026-11-02 09:00:02,gpt-4o,success',
      'b,acompletion,0,0,0,2026-11-02 09:00:01,2026-11-02 09:00:02,gpt-4o,failure',
      'c,acompletion,0.1,7,,2026-11-02T09:00:02+00:00,2026-11-02 09:00:02,azure/gpt-4o,',
    ].join('\n');
    const { leftOut } = await readFileOf(rows);

    expect(await read(rows)).toEqual([
      '2026-11-02T09:00:00.123Z gpt-4o 100 20',
      '2026-11-02T09:00:02.000Z azure/gpt-4o 7 0',
    ]);
    expect([...leftOut]).toEqual([['requests that failed', 1]]);
  });

  it('may be JSON, newest first', async () => {
    const log = (startTime: string): object => ({
      request_id: startTime,
      startTime,
      model: 'm',
      prompt_tokens: 1,
      completion_tokens: 2,
      metadata: { nested: [{}] },
    });
    const logs = [log('2026-11-02T10:00:00Z'), log('2026-11-02T09:00:00Z')];

    expect(await read(JSON.stringify(logs))).toEqual([
      '2026-11-02T09:00:00.000Z m 1 2',
      '2026-11-02T10:00:00.000Z m 1 2',
    ]);
  });
});
