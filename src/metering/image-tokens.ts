/**
 * What an image costs in input tokens, by vendor and model.
 *
 * Sources, read 2026-11: OpenAI's guide "Images and vision" (tiles and patches) with the corrections that developers
 * measured in OpenAI's forum (topics 1372291 and 1377015: `detail: low` does nothing on patch models); Anthropic's guide
 * "Vision" (1,600 tokens at 1,568 pixels, from Opus 4.7 on 4,784 at 2,576); Google's guide "Understand and count tokens"
 * (258 for each tile of 768 pixels; `media_resolution` of Gemini 3 from 1,120 up to 2,240).
 */
import { unreachable } from '../core/assert.ts';
import type { ImageSize } from './image-size.ts';
import { claudeVersion, plainModelName, type TokenizerFamily } from './tokenizers.ts';

/** Tokens as they will probably be billed, and the most that they can be. */
export interface MediaTokens {
  readonly tokens: number;
  readonly bound: number;
}

export interface ImageInput {
  /** Null when the gateway can not know it: a remote address, or a head that does not tell. */
  readonly size: ImageSize | null;
  readonly detail: string | null;
}

type OpenAiRule =
  | { readonly kind: 'tiles'; readonly base: number; readonly tile: number }
  | {
      readonly kind: 'patches';
      readonly percent: number;
      readonly cap: number;
      readonly originalCap: number;
    };

const tiles = (base: number, tile: number): OpenAiRule => ({ kind: 'tiles', base, tile });
const patches = (percent: number, cap: number, originalCap: number = cap): OpenAiRule => ({
  kind: 'patches',
  percent,
  cap,
  originalCap,
});

/** The last line is for models that came later: the rule of the newest that we know. */
const OPENAI_RULES: readonly (readonly [RegExp, OpenAiRule])[] = [
  [/^gpt-4o-mini/, tiles(2833, 5667)],
  [/^gpt-4\.1-mini/, patches(162, 1536)],
  [/^gpt-4\.1-nano/, patches(246, 1536)],
  [/^(o4-mini|codex-mini)/, patches(172, 1536)],
  [/^gpt-5(\.\d)?-mini/, patches(162, 2500)],
  [/^gpt-5(\.\d)?-nano/, patches(246, 2500)],
  [/^(gpt-5(-|$)|gpt-5\.1)/, tiles(70, 140)],
  [/^gpt-5\.[23]/, patches(120, 2500)],
  [/^(gpt-3|gpt-4|chatgpt-)/, tiles(85, 170)],
  [/^o[13](-|$)/, tiles(75, 150)],
  [/^computer-use/, tiles(65, 129)],
  [/^/, patches(120, 2500, 10_000)],
];

/** Tiles of 512 pixels after the image was fitted into 2048 x 2048 and its short side brought down to 768. */
function tileCount(size: ImageSize | null): number {
  if (size === null) return 8;
  const fit = Math.min(1, 2048 / Math.max(size.width, size.height));
  const short = Math.min(size.width, size.height) * fit;
  const scale = fit * Math.min(1, 768 / short);
  // Rounded first: 1536.0000000002 pixels are three tiles, not four.
  const along = (pixels: number): number => Math.ceil(Math.round(pixels * scale * 1000) / 512_000);
  return along(size.width) * along(size.height);
}

function gridCells(size: ImageSize, cell: number): number {
  return Math.ceil(size.width / cell) * Math.ceil(size.height / cell);
}

function openAiTokens(rule: OpenAiRule, { size, detail }: ImageInput): MediaTokens {
  if (rule.kind === 'tiles') {
    const tokens = detail === 'low' ? rule.base : rule.base + rule.tile * tileCount(size);
    return { tokens, bound: tokens };
  }
  const priced = (cap: number): number =>
    Math.ceil((Math.min(cap, size === null ? cap : gridCells(size, 32)) * rule.percent) / 100);
  const isOriginal = detail !== 'low' && detail !== 'high';
  return {
    tokens: priced(detail === 'original' ? rule.originalCap : rule.cap),
    bound: priced(isOriginal ? rule.originalCap : rule.cap),
  };
}

function claudeTokens(name: string, size: ImageSize | null): MediaTokens {
  const isNew = (claudeVersion(name) ?? 407) >= 407;
  const [longest, cap] = isNew ? [2576, 4784] : [1568, 1600];
  if (size === null) return { tokens: cap, bound: cap };
  const scale = Math.min(1, longest / Math.max(size.width, size.height));
  const tokens = Math.min(cap, Math.ceil((size.width * scale * size.height * scale) / 750));
  return { tokens, bound: Math.min(cap, tokens + 64) };
}

/** Larger pictures are scaled down to 3072 pixels, which are 16 tiles. */
function geminiTokens(name: string, size: ImageSize | null): MediaTokens {
  const tilesOf =
    size === null
      ? 16
      : Math.min(16, size.width <= 384 && size.height <= 384 ? 1 : gridCells(size, 768));
  const byTiles = 258 * tilesOf;
  const isFixed = !/^gemini-(1|2)/.test(name);
  return isFixed
    ? { tokens: 1120, bound: Math.max(2240, byTiles) }
    : { tokens: byTiles, bound: byTiles };
}

/** Vision models that run locally use 28-pixel patches or fewer tokens; served ones cap an image near 4,096. */
function otherTokens(size: ImageSize | null): MediaTokens {
  return { tokens: size === null ? 1445 : Math.min(4096, gridCells(size, 28)), bound: 4096 };
}

/** Tokens of one image for a model. An image whose size is unknown is taken for the dearest. */
export function imageTokens(
  family: TokenizerFamily,
  model: string,
  image: ImageInput,
): MediaTokens {
  const name = plainModelName(model);
  switch (family) {
    case 'openai':
      return openAiTokens(
        OPENAI_RULES.find(([pattern]) => pattern.test(name))?.[1] ?? tiles(85, 170),
        image,
      );
    case 'claude':
      return claudeTokens(name, image.size);
    case 'gemini':
      return geminiTokens(name, image.size);
    case 'other':
      return otherTokens(image.size);
    default:
      return unreachable(family);
  }
}
