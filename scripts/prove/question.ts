/** What a client asks for. */
import type { Chance } from './chance.ts';
import { MODELS } from './profile.ts';

/** The token counts travel in the body, where the stand-in for the counter finds them. */
export interface Question {
  readonly model: string;
  readonly stream: boolean;
  readonly strict: boolean;
  readonly maxTokens: number | null;
  readonly choices: number;
  readonly tokens: number;
  readonly bound: number;
  /** Counting takes longer than the rest of the event loop's turn. */
  readonly isCountSlow: boolean;
}

export function drawQuestion(chance: Chance, slowShare: number): Question {
  const tokens = chance.acrossScales(1, 4000);
  return {
    model: chance.pick(MODELS),
    stream: chance.happens(0.6),
    strict: chance.happens(0.1),
    maxTokens: chance.happens(0.3) ? null : chance.acrossScales(1, 8000),
    choices: chance.happens(0.9) ? 1 : chance.between(2, 4),
    tokens,
    bound: tokens + chance.below(Math.ceil(tokens * 0.2) + 1),
    isCountSlow: chance.happens(slowShare),
  };
}
