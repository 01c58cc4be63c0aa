/**
 * What a document costs in input tokens, by its pages where they can be counted, else by its bytes.
 *
 * Sources, read 2026-11: Anthropic's guide "PDF support" (the text of a page, 1,500 to 3,000 tokens, and its image);
 * OpenAI's "File inputs" (text and image of each page; images in low detail up to GPT-5.5, in high from GPT-5.6 on);
 * Google's "Document understanding" and "Media resolution" (258 tokens for a page, 560 from Gemini 3 on, 1,120 in high
 * resolution). Pages of plain text were measured at 2,115 (Haiku 4.5), 2,347 (Opus 5.5) and 561 tokens (Gemini 3).
 */
import { unreachable } from '../core/assert.ts';
import { base64Bytes, fileTokens } from './file-tokens.ts';
import { imageTokens, type MediaTokens } from './image-tokens.ts';
import { pdfPages } from './pdf-pages.ts';
import { claudeVersion, plainModelName, type TokenizerFamily } from './tokenizers.ts';

export interface DocumentInput {
  /** Base64; null when the bytes are not in the request. */
  readonly data: string | null;
  readonly detail: string | null;
}

/** Text of a page beside its image: of a usual page, and of the densest that vendors speak of. */
const PAGE_TEXT: MediaTokens = { tokens: 600, bound: 3000 };
/** A page of A4 as vendors draw it. */
const PAGE_SIZE = { width: 1024, height: 1448 };
const NEW_CLAUDE: MediaTokens = { tokens: 2350, bound: 4784 + 3000 };
const OLD_CLAUDE: MediaTokens = { tokens: 2115, bound: 1600 + 3000 };

function openAiPage(model: string, detail: string | null): MediaTokens {
  const drawn = imageTokens('openai', model, { size: PAGE_SIZE, detail });
  const most = imageTokens('openai', model, { size: null, detail: 'high' });
  return {
    tokens: PAGE_TEXT.tokens + drawn.tokens,
    bound: PAGE_TEXT.bound + Math.max(drawn.bound, most.bound),
  };
}

function pageTokens(family: TokenizerFamily, model: string, detail: string | null): MediaTokens {
  const name = plainModelName(model);
  switch (family) {
    case 'openai':
      return openAiPage(model, detail);
    case 'claude':
      return (claudeVersion(name) ?? 407) >= 407 ? NEW_CLAUDE : OLD_CLAUDE;
    case 'gemini':
      return /^gemini-[12]/.test(name)
        ? { tokens: 258, bound: 258 + PAGE_TEXT.bound }
        : { tokens: 560, bound: 1120 + PAGE_TEXT.bound };
    case 'other':
      return { tokens: 1500, bound: 4096 + PAGE_TEXT.bound };
    default:
      return unreachable(family);
  }
}

/** Tokens of a document. One whose pages can not be counted is judged by its bytes; one that is elsewhere is taken for long. */
export function documentTokens(
  family: TokenizerFamily,
  model: string,
  { data, detail }: DocumentInput,
): MediaTokens {
  if (data === null) return fileTokens(null);
  const found = pdfPages(data);
  if (found === null) return fileTokens(base64Bytes(data));
  const page = pageTokens(family, model, detail);
  const byPages = { tokens: page.tokens * found.pages, bound: page.bound * found.pages };
  if (found.isSure) return byPages;
  const byBytes = fileTokens(base64Bytes(data));
  return { tokens: byPages.tokens, bound: Math.max(byPages.bound, byBytes.bound) };
}
