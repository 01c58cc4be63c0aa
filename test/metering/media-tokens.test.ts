import { afterAll, describe, expect, it } from '@jest/globals';
import { createTokenCounter } from '../../src/metering/token-counter.ts';
import { recordingLog } from '../support/recording-log.ts';

const counter = createTokenCounter({ log: recordingLog() });
afterAll(() => counter.close());

/** Tokens of the request without its 7 tokens of frame. */
async function partTokens(part: object, model: string): Promise<{ tokens: number; bound: number }> {
  const count = await counter.count(
    { route: 'chat', body: { messages: [{ role: 'user', content: [part] }] } },
    model,
  );
  const frame = await counter.count(
    { route: 'chat', body: { messages: [{ role: 'user', content: [] }] } },
    model,
  );
  return { tokens: count.tokens - frame.tokens, bound: count.bound - frame.bound };
}

function png(width: number, height: number): Buffer {
  const bytes = Buffer.alloc(33);
  Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').copy(bytes);
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
}

function jpeg(width: number, height: number): Buffer {
  const exif = Buffer.alloc(2 + 40_000);
  exif.writeUInt16BE(0xffe1, 0);
  exif.writeUInt16BE(40_000, 2);
  const frame = Buffer.from('ffffc2000b08000000000300', 'hex');
  frame.writeUInt16BE(height, 6);
  frame.writeUInt16BE(width, 8);
  return Buffer.concat([Buffer.from('ffd8', 'hex'), exif, frame]);
}

function gif(width: number, height: number): Buffer {
  const bytes = Buffer.from('GIF89a\0\0\0\0\0\0\0', 'latin1');
  bytes.writeUInt16LE(width, 6);
  bytes.writeUInt16LE(height, 8);
  return bytes;
}

function webp(form: 'VP8 ' | 'VP8L' | 'VP8X', width: number, height: number): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.write(`RIFF\0\0\0\0WEBP${form}`, 'latin1');
  if (form === 'VP8 ') {
    bytes.writeUInt16LE(width, 26);
    bytes.writeUInt16LE(height, 28);
  } else if (form === 'VP8L') bytes.writeUInt32LE((width - 1) | ((height - 1) << 14), 21);
  else {
    bytes.writeUIntLE(width - 1, 24, 3);
    bytes.writeUIntLE(height - 1, 27, 3);
  }
  return bytes;
}

function image(bytes: Buffer, mime = 'image/png', detail?: string): object {
  const url = `data:${mime};base64,${bytes.toString('base64')}`;
  return { type: 'image_url', image_url: { url, ...(detail !== undefined && { detail }) } };
}

const REMOTE = { type: 'image_url', image_url: { url: 'https://images.example/cat.png' } };

describe('images', () => {
  it.each([
    // OpenAI's own examples: 1024 x 1024 in four tiles, 2048 x 4096 in six.
    ['gpt-4o', 1024, 1024, 85 + 4 * 170],
    ['gpt-4o', 2048, 4096, 85 + 6 * 170],
    // Measured by developers against the API: one tile and 85.
    ['gpt-4-turbo', 128, 64, 85 + 170],
    ['gpt-4o-mini', 128, 64, 2833 + 5667],
    ['gpt-5', 1024, 1024, 70 + 4 * 140],
    ['o3', 512, 512, 75 + 150],
    // OpenAI's example for patches: 1024 patches; capped at 1,536.
    ['gpt-4.1-mini', 1024, 1024, Math.ceil(1024 * 1.62)],
    ['gpt-4.1-nano', 4000, 4000, Math.ceil(1536 * 2.46)],
    ['o4-mini', 32, 32, 2],
    // Anthropic's: width x height / 750, at most 1,600 (4,784 from Opus 4.7 on).
    ['claude-3-opus-20240229', 1000, 1000, 1334],
    ['claude-3-opus-20240229', 4000, 4000, 1600],
    ['claude-opus-4-7', 4000, 4000, 4784],
    // Google's: 258 for a small image and for each tile.
    ['gemini-2.5-pro', 384, 384, 258],
    ['gemini-2.5-pro', 1500, 700, 2 * 258],
    ['gemini-3-pro-preview', 1500, 700, 1120],
    ['llama3.2-vision', 560, 560, 400],
  ])(
    'cost %s for %i x %i pixels what the vendor states: %i',
    async (model, width, height, expected) => {
      const { tokens, bound } = await partTokens(image(png(width, height)), model);
      expect(tokens).toBe(expected);
      expect(bound).toBeGreaterThanOrEqual(tokens);
    },
  );

  it.each([
    ['PNG', png(1024, 1024)],
    ['JPEG behind long metadata', jpeg(1024, 1024)],
    ['GIF', gif(1024, 1024)],
    ['WebP, lossy', webp('VP8 ', 1024, 1024)],
    ['WebP, lossless', webp('VP8L', 1024, 1024)],
    ['WebP, extended', webp('VP8X', 1024, 1024)],
  ])('are measured from the head of a %s', async (_form, bytes) => {
    expect((await partTokens(image(bytes), 'gpt-4o')).tokens).toBe(765);
    const source = { type: 'base64', media_type: 'image/x', data: bytes.toString('base64') };
    expect((await partTokens({ type: 'image', source }, 'gpt-4o')).tokens).toBe(765);
  });

  it('cost the base alone in low detail, and on patch models the same in any detail', async () => {
    expect((await partTokens(image(png(4000, 4000), 'image/png', 'low'), 'gpt-4o')).tokens).toBe(
      85,
    );
    const low = await partTokens(image(png(640, 640), 'image/png', 'low'), 'gpt-5.4');
    expect(low).toEqual({ tokens: 480, bound: 480 });
  });

  it('may cost their original size on the newest models, in the bound unless a detail rules it out', async () => {
    const size = png(3200, 3200);
    expect(await partTokens(image(size, 'image/png', 'original'), 'gpt-6-sol')).toEqual({
      tokens: 12_000,
      bound: 12_000,
    });
    expect(await partTokens(image(size), 'gpt-6-sol')).toEqual({ tokens: 3000, bound: 12_000 });
    expect(await partTokens(image(size, 'image/png', 'high'), 'gpt-6-sol')).toEqual({
      tokens: 3000,
      bound: 3000,
    });
  });

  it.each([
    ['gpt-4o', 85 + 8 * 170],
    ['gpt-4.1-mini', Math.ceil(1536 * 1.62)],
    ['claude-3-opus', 1600],
    ['claude-opus-5', 4784],
    ['gemini-2.5-flash', 16 * 258],
  ])('cost %s the dearest size when they are remote: %i', async (model, expected) => {
    expect((await partTokens(REMOTE, model)).tokens).toBe(expected);
    expect(
      (
        await partTokens(
          { type: 'image', source: { type: 'url', url: 'https://images.example/cat.png' } },
          model,
        )
      ).tokens,
    ).toBe(expected);
  });

  it.each([
    ['not base64 at all', 'data:image/png;base64,@@@'],
    ['cut short', `data:image/png;base64,${png(9, 9).subarray(0, 12).toString('base64')}`],
    ['of no width', `data:image/png;base64,${png(0, 9).toString('base64')}`],
    ['without its data', 'data:image/png'],
    [
      'a JPEG without a frame',
      `data:image/jpeg;base64,${Buffer.from('ffd8ffe10004aaaaffd900000000000000', 'hex').toString('base64')}`,
    ],
    [
      'a JPEG of garbage',
      `data:image/jpeg;base64,${Buffer.from('ffd800112233445566778899', 'hex').toString('base64')}`,
    ],
    [
      'a RIFF of another kind',
      `data:image/webp;base64,${Buffer.from('RIFF\0\0\0\0WAVEfmt \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0', 'latin1').toString('base64')}`,
    ],
  ])('that are %s cost the dearest size', async (_what, url) => {
    expect((await partTokens({ type: 'image_url', image_url: url }, 'gpt-4o')).tokens).toBe(
      85 + 8 * 170,
    );
    expect(
      (await partTokens({ type: 'input_image', image_url: url, detail: 'high' }, 'gpt-4o')).tokens,
    ).toBe(85 + 8 * 170);
  });
});

describe('audio and documents', () => {
  it('cost audio by its length: ten tokens a second for OpenAI, 32 for Gemini', async () => {
    const second = Buffer.alloc(32_000).toString('base64');
    const part = { type: 'input_audio', input_audio: { data: second, format: 'wav' } };
    expect(await partTokens(part, 'gpt-4o-audio-preview')).toEqual({ tokens: 11, bound: 41 });
    expect((await partTokens(part, 'gemini-2.5-flash')).tokens).toBe(33);
    const mp3 = { type: 'input_audio', input_audio: { data: second, format: 'mp3' } };
    const { tokens, bound } = await partTokens(mp3, 'gpt-4o-audio-preview');
    expect(tokens).toBeGreaterThan(15);
    expect(bound).toBeGreaterThan(300);
  });

  it('cost a document by its bytes, a token for each in the bound', async () => {
    const data = Buffer.alloc(30_000).toString('base64');
    const expected = { tokens: 1500, bound: 30_000 };
    const inline = `data:application/pdf;base64,${data}`;
    expect(
      await partTokens({ type: 'file', file: { filename: 'a.pdf', file_data: inline } }, 'gpt-4o'),
    ).toEqual(expected);
    expect(await partTokens({ type: 'file', file: { file_data: data } }, 'gpt-4o')).toEqual(
      expected,
    );
    expect(
      await partTokens({ type: 'document', source: { type: 'base64', data } }, 'gpt-4o'),
    ).toEqual(expected);
  });

  it('cost a document that is only named as much as a long one can', async () => {
    expect((await partTokens({ type: 'file', file: { file_id: 'file-1' } }, 'gpt-4o')).bound).toBe(
      300_000,
    );
    expect(
      (
        await partTokens(
          { type: 'document', source: { type: 'url', url: 'https://x.example/a.pdf' } },
          'claude-opus-4-1',
        )
      ).bound,
    ).toBe(300_000);
  });

  it('count a document of text as text', async () => {
    const part = {
      type: 'document',
      source: {
        type: 'text',
        media_type: 'text/plain',
        data: 'The quick brown fox jumps over the lazy dog',
      },
    };
    expect(await partTokens(part, 'gpt-4o')).toEqual({ tokens: 9, bound: 9 });
  });
});
