/** What the event loop and the counting thread say to each other. */
import type { EncodingName } from './encodings.ts';

export interface CountingJob {
  readonly encoding: EncodingName;
  readonly texts: readonly string[];
  /** Time from the job's arrival; what is not counted by then is left uncounted. */
  readonly budgetMs: number;
}

/** For each text of the job, in order. */
interface CountedText {
  readonly tokens: number;
  /** Less than the text's length when time ran out. */
  readonly countedChars: number;
}

export type CountingAnswer = readonly CountedText[];

/** `ready` comes before each answer: the thread runs, and has the job's encoding. */
export type CountingNews = { readonly ready: true } | { readonly answer: CountingAnswer };
