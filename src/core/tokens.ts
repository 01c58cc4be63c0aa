/** Token counting as a port. */
import type { ModelRequest } from './request.ts';
import type { TokenCount, TokenTier } from './usage.ts';

export interface TokenCounter {
  /**
   * Input tokens of a request for a model, message, name, tool and image overhead included. Resolves at once for what
   * is short or cached; long prompts are counted off the event loop. Never rejects: what can not be counted exactly is
   * counted conservatively and says so by its tier.
   */
  count(request: Pick<ModelRequest, 'route' | 'body'>, model: string): Promise<TokenCount>;
  /** Tokens of plain output text, for metering. Synchronous, bounded in time. */
  countText(text: string, model: string): number;
  tierOf(model: string): TokenTier;
  close(): Promise<void>;
}
