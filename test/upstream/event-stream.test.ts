import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { createParser } from 'eventsource-parser';
import { dataOf, EventSplitter } from '../../src/upstream/event-stream.ts';

function split(bytes: Buffer, cuts: readonly number[]): { blocks: Buffer[]; rest: Buffer } {
  const splitter = new EventSplitter();
  const blocks: Buffer[] = [];
  let from = 0;
  for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
    blocks.push(...splitter.push(bytes.subarray(from, cut)));
    from = Math.max(from, cut);
  }
  return { blocks, rest: splitter.rest() };
}

/** What an independent parser makes of the same text. */
function parsedBy(text: string): string[] {
  const events: string[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event.data) });
  parser.feed(text);
  return events;
}

describe('EventSplitter', () => {
  it('cuts after each blank line, whatever ends the lines', () => {
    for (const end of ['\n', '\r\n', '\r']) {
      const text = `: hi${end}${end}data: a${end}data: b${end}${end}data: c${end}${end}`;
      const { blocks, rest } = split(Buffer.from(text), []);
      const read = [...blocks, rest].filter((block) => block.length > 0).map(dataOf);
      expect(read).toEqual([null, 'a\nb', 'c']);
    }
  });

  it('keeps a line end of two bytes together when it is cut between them', () => {
    const text = 'data: a\r\n\r\ndata: b\r\n\r\n';
    for (let cut = 0; cut <= text.length; cut += 1) {
      const { blocks } = split(Buffer.from(text), [cut]);
      expect(blocks.map(String)).toEqual(['data: a\r\n\r\n', 'data: b\r\n\r\n']);
    }
  });

  it('loses and changes no byte, and sees the events that an independent parser sees', () => {
    const line = fc.constantFrom(
      'data: {"a":1}',
      'data:é日本',
      'data',
      ': c',
      'event: x',
      'id: 1',
      '',
    );
    const end = fc.constantFrom('\n', '\r\n');
    const text = fc
      .array(fc.tuple(line, end), { maxLength: 30 })
      .map((lines) => lines.map(([said, ended]) => said + ended).join(''));
    const property = fc.property(text, fc.array(fc.nat(200)), (stream, cuts) => {
      const bytes = Buffer.from(stream);
      const within = cuts.map((cut) => Math.min(cut, bytes.length));
      const { blocks, rest } = split(bytes, within);
      expect(Buffer.concat([...blocks, rest])).toEqual(bytes);
      const seen = blocks.map(dataOf).filter((data) => data !== null);
      expect(seen).toEqual(parsedBy(stream));
    });
    // A failure prints the seed.
    fc.assert(property, { numRuns: 500 });
  });

  it('passes a block of any size on without holding all of it', () => {
    const splitter = new EventSplitter();
    const piece = Buffer.alloc(1024 * 1024, 0x61);
    let passed = 0;
    for (let count = 0; count < 20; count += 1) {
      for (const block of splitter.push(piece)) passed += block.length;
    }
    expect(passed).toBeGreaterThan(8 * 1024 * 1024);
    expect(passed + splitter.rest().length).toBe(20 * 1024 * 1024);
  });

  it('ignores a byte order mark at the start', () => {
    expect(dataOf(Buffer.from('\uFEFFdata: first\n\n'))).toBe('first');
  });
});
