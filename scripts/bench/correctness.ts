/** Before anything is measured: every target gives the answers of the backend. */
import { Agent } from 'node:http';
import { send } from './load.ts';
import { chatBody, type Target } from './targets.ts';

interface Choice {
  readonly message?: { readonly content?: string };
  readonly delta?: { readonly content?: string };
}

/** What an answer says, whatever its spelling: its text, and for JSON its usage. */
function meaningOf(answer: Buffer, isStream: boolean): string {
  const text = answer.toString();
  const documents = isStream
    ? [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, data = '']) => data)
    : [text];
  const parsed = documents.map(
    (document) => JSON.parse(document) as { choices: readonly Choice[]; usage?: object },
  );
  const said = parsed.flatMap(({ choices }) =>
    choices.map(({ message, delta }) => (message ?? delta)?.content ?? ''),
  );
  const usage = isStream ? [text.includes('data: [DONE]')] : parsed.map((each) => each.usage);
  return JSON.stringify({ said: said.join(''), usage });
}

export interface Checked {
  /** Targets that give whole answers, and those that give streams, as the backend does. */
  readonly whole: readonly Target[];
  readonly stream: readonly Target[];
  readonly skipped: readonly string[];
}

/** Null, or what is wrong with the answer of a target. */
function faultOf(
  target: Target,
  answer: Buffer | Error,
  wanted: Buffer | Error | undefined,
  isStream: boolean,
): string | null {
  if (answer instanceof Error) return answer.message;
  if (wanted === undefined || wanted instanceof Error) return 'the backend gives no answer';
  const isSame = target.rewrites
    ? meaningOf(answer, isStream) === meaningOf(wanted, isStream)
    : answer.equals(wanted);
  return isSame ? null : 'it is another answer than the backend gives';
}

/**
 * Asks every target for an answer and for a stream. Throws when one that should pass bytes does not: then nothing is
 * measured. A peer that fails here is left out where it fails.
 */
export async function checkAnswers(targets: readonly Target[]): Promise<Checked> {
  const agent = new Agent();
  const messages = [{ role: 'user', content: 'Is it the same answer?' }];
  const skipped: string[] = [];
  const check = async (isStream: boolean): Promise<readonly Target[]> => {
    const body = chatBody({ messages, ...(isStream ? { stream: true, max_tokens: 5 } : {}) });
    const answers = await Promise.all(
      targets.map(async (target) => send(target, body, agent).catch((error: Error) => error)),
    );
    const wanted = answers[targets.findIndex(({ name }) => name === 'direct')];
    return targets.filter((target, at) => {
      const fault = faultOf(target, answers[at] ?? new Error('none'), wanted, isStream);
      if (fault === null) return true;
      const where = `${target.name}, ${isStream ? 'streams' : 'whole answers'}: ${fault}`;
      if (!target.rewrites) throw new Error(`${where}; nothing is measured`);
      skipped.push(where);
      return false;
    });
  };
  try {
    return { whole: await check(false), stream: await check(true), skipped };
  } finally {
    agent.destroy();
  }
}
