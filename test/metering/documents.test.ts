import { afterAll, describe, expect, it } from '@jest/globals';
import { createTokenCounter } from '../../src/metering/token-counter.ts';
import { pdfPages } from '../../src/metering/pdf-pages.ts';
import { objectStream, openPdf, packedPdf, pdfOf } from '../support/pdf-files.ts';
import { recordingLog } from '../support/recording-log.ts';

const counter = createTokenCounter({ log: recordingLog() });
afterAll(() => counter.close());

/** Tokens of a document in a message of Anthropic's shape, without the frame. */
async function documentTokens(
  model: string,
  document: object,
): Promise<{ tokens: number; bound: number }> {
  const countOf = async (
    content: readonly object[],
  ): Promise<{ tokens: number; bound: number }> => {
    const body = { messages: [{ role: 'user', content }] };
    return counter.count({ route: 'messages', body }, model);
  };
  const [whole, frame] = [await countOf([document]), await countOf([])];
  return { tokens: whole.tokens - frame.tokens, bound: whole.bound - frame.bound };
}

function pdf(data: string): object {
  return { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data } };
}

describe('the pages of a PDF', () => {
  it.each([
    ['one in the open', openPdf(1), 1],
    ['many in the open', openPdf(120), 120],
    ['packed ones', packedPdf(37), 37],
    [
      'a tree that says more than can be seen',
      pdfOf('2 0 obj <</Type /Pages /Count 12 /Kids [3 0 R]>> endobj'),
      12,
    ],
    [
      'a tree inside a tree',
      pdfOf('<< /Type /Pages /Count 30 >> << /Type /Pages /Count 10 >>'),
      30,
    ],
    [
      'outlines with a count of their own',
      pdfOf('<< /Type /Outlines /Count 500 >>', openPage()),
      1,
    ],
    [
      'names that only begin alike',
      pdfOf('<< /Type /PageLabel >>', openPage(), '<</Type/Pagination>>'),
      1,
    ],
    ['more pages than any vendor takes', pdfOf('<< /Type /Pages /Count 999999 >>'), 5000],
  ])('are counted: %s', (_name, data, pages) => {
    expect(pdfPages(data)).toEqual({ pages, isSure: true });
  });

  function openPage(): string {
    return '3 0 obj << /Type /Page /Parent 2 0 R >> endobj';
  }

  it.each([
    ['a text', Buffer.from('no PDF at all').toString('base64')],
    ['nothing', ''],
    ['no base64', '###'],
    ['a PDF that shows no page', pdfOf('1 0 obj << >> endobj')],
  ])('are unknown of %s', (_name, data) => {
    expect(pdfPages(data)).toBeNull();
  });

  it.each([
    ['a broken stream', pdfOf('<< /Type /Page >>', objectStream('garbage', false))],
    ['a stream without an end', pdfOf('<< /Type /Page >>', '<< /Type /ObjStm >> stream\nabc')],
    ['a stream without a start', pdfOf('<< /Type /Page >>', '<< /Type /ObjStm >>')],
    ['a bomb', pdfOf('<< /Type /Page >>', objectStream(Buffer.alloc(8_000_000)))],
    ['more objects than are looked at', pdfOf('<< /Type /Page >>'.repeat(40_000))],
  ])('are not sure after %s', (_name, data) => {
    expect(pdfPages(data)).toMatchObject({ isSure: false });
  });

  it('are taken to go on as they began in a file that is too long to be looked at', () => {
    const long = Buffer.from(openPdf(10), 'base64');
    const filler = Buffer.alloc(8_000_000 - long.length);
    const found = pdfPages(Buffer.concat([long, filler]).toString('base64'));
    expect(found?.isSure).toBe(false);
    expect(found?.pages).toBeGreaterThanOrEqual(18);
  });

  it.each([
    ['types', '/Type'],
    ['trees', '/Type/Pages '],
    ['streams', '/Type/ObjStm stream endstream '],
    ['streams without an end', '/Type/ObjStm stream '],
    ['open dictionaries', '<<'],
  ])('take no time in a file made of %s', (_name, piece) => {
    const data = Buffer.from(`%PDF-1.7 ${piece.repeat(4_000_000 / piece.length)}`).toString(
      'base64',
    );
    const startedAt = performance.now();
    pdfPages(data);
    // Some 20 ms alone; other work shares the machine.
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });
});

describe('documents', () => {
  // Pages of text as they were billed (measured 2026-10; data set "PDF token cost per page").
  it.each([
    ['claude-opus-5-5', 1, 2347],
    ['claude-opus-5-5', 5, 11_631],
    ['claude-opus-5-5', 10, 23_236],
    ['claude-haiku-4-5', 1, 2115],
    ['claude-haiku-4-5', 10, 20_979],
    ['gemini-3-pro-preview', 1, 561],
    ['gemini-3-pro-preview', 10, 5601],
    // Google's figure for every page.
    ['gemini-2.5-pro', 4, 4 * 258],
  ])('cost %s what %i pages were billed: %i', async (model, pages, billed) => {
    const { tokens, bound } = await documentTokens(model, pdf(packedPdf(pages)));
    expect(Math.abs(tokens - billed) / billed).toBeLessThan(0.02);
    expect(bound).toBeGreaterThan(billed);
  });

  it('hold what pages full of tables and scans were billed', async () => {
    const { bound } = await documentTokens('claude-haiku-4-5', pdf(openPdf(1)));
    for (const billed of [2278, 1592, 3000 + 1600]) expect(bound).toBeGreaterThanOrEqual(billed);
  });

  it('cost OpenAI models the text and the image of each page', async () => {
    const file = (detail?: string): object => ({
      type: 'input_file',
      filename: 'a.pdf',
      file_data: `data:application/pdf;base64,${openPdf(3)}`,
      ...(detail !== undefined && { detail }),
    });
    const high = await documentTokens('gpt-4o', file());
    const low = await documentTokens('gpt-4o', file('low'));
    // 85 and 170 for each of six tiles, beside the text.
    expect(high.tokens).toBe(3 * (600 + 85 + 6 * 170));
    expect(low.tokens).toBe(3 * (600 + 85));
    expect(low.bound).toBeGreaterThanOrEqual(3 * 3000);
  });

  it('cost other models an image of each page, and its text in the bound', async () => {
    const { tokens, bound } = await documentTokens('llama3.2-vision', pdf(openPdf(2)));
    expect(tokens).toBe(2 * 1500);
    expect(bound).toBe(2 * (4096 + 3000));
  });

  it('cost their bytes in the bound when their pages are not sure', async () => {
    const data = pdfOf('<< /Type /Page >>', objectStream(Buffer.alloc(90_000, 7), false));
    const { tokens, bound } = await documentTokens('claude-opus-5', pdf(data));
    expect(tokens).toBe(2350);
    expect(bound).toBeGreaterThan(90_000);
  });

  it('cost their text where they are text, with title and context, and their parts where they have parts', async () => {
    const text = 'The quick brown fox jumps over the lazy dog';
    const source = { type: 'text', media_type: 'text/plain', data: text };
    const plain = await documentTokens('gpt-4o', { type: 'document', source });
    expect(plain).toEqual({ tokens: 9, bound: 9 });
    const named = await documentTokens('gpt-4o', {
      type: 'document',
      source,
      title: text,
      context: text,
    });
    expect(named.tokens).toBe(27);
    const parts = {
      type: 'content',
      content: [
        { type: 'text', text },
        { type: 'text', text },
      ],
    };
    const nested = await documentTokens('gpt-4o', { type: 'document', source: parts });
    expect(nested.tokens).toBe(18);
  });

  it('are taken for long when they are elsewhere', async () => {
    for (const source of [
      { type: 'url', url: 'https://files.example/a.pdf' },
      { type: 'file', file_id: 'file_1' },
    ])
      expect(await documentTokens('claude-opus-5', { type: 'document', source })).toEqual({
        tokens: 10_000,
        bound: 300_000,
      });
  });
});
