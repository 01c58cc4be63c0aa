import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import type { Answer } from '../answer.ts';
import { command, type Session } from '../command.ts';
import { CommandFailure, UsageFailure } from '../failure.ts';
import type { Flags } from '../flags.ts';
import { connect, GATEWAY_FLAGS } from '../gateway-client.ts';
import { JSON_FLAG } from '../shared-flags.ts';
import { factLines } from '../table.ts';

type Body = Record<string, unknown>;

async function readBodyFile(file: string): Promise<Body> {
  const name = file === '-' ? 'standard input' : file;
  let text: string;
  try {
    text = file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8');
  } catch {
    throw new CommandFailure(`cannot read ${name}; name a file with the JSON body of a request`);
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new CommandFailure(`${name} is not JSON: ${why}`);
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new CommandFailure(`${name} holds no JSON object; it must be the body of a request`);
  return body as Body;
}

const ROUTES = ['chat', 'completions', 'embeddings', 'messages', 'responses'] as const;

/** Only the Responses API has a name of its own for the most output tokens; embeddings have no output. */
function isForResponses(body: Body, route: string | undefined): boolean {
  return (
    route === 'responses' ||
    (route === undefined && body['messages'] === undefined && body['input'] !== undefined)
  );
}

async function readBody(
  flags: Flags<'model' | 'prompt' | 'file' | 'max-tokens' | 'route'>,
): Promise<Body> {
  const [prompt, file, model] = [flags.text('prompt'), flags.text('file'), flags.text('model')];
  const route = flags.oneOf('route', ROUTES);
  const maxTokens = flags.whole('max-tokens', 1, Number.MAX_SAFE_INTEGER);
  if ((prompt === undefined) === (file === undefined))
    throw new UsageFailure('give either --prompt TEXT or --file FILE');
  if (prompt !== undefined && model === undefined)
    throw new UsageFailure('--prompt needs a model beside it: --model MODEL');
  if (prompt !== undefined && route !== undefined)
    throw new UsageFailure('--route says whose body a file holds: give it with --file');
  const body: Body =
    file === undefined
      ? { messages: [{ role: 'user', content: prompt }] }
      : await readBodyFile(file);
  if (model !== undefined) body['model'] = model;
  if (maxTokens !== undefined) {
    delete body['max_completion_tokens'];
    body[isForResponses(body, route) ? 'max_output_tokens' : 'max_tokens'] = maxTokens;
  }
  return body;
}

function servedBy(answer: Answer): string {
  const place = `${answer.text('backend')} (${answer.text('backend_type')})`;
  const model = answer.text('model');
  return model === answer.text('model_requested') ? place : `${place}, by ${model} in its place`;
}

function lines(answer: Answer): readonly string[] {
  const tier = answer.text('tier');
  const head: [string, string][] = [
    ['model', answer.text('model_requested')],
    [
      'input tokens',
      `${answer.number('input_tokens')} (${tier}; held as ${answer.number('input_tokens_bound')})`,
    ],
  ];
  if (answer.text('admission') === 'refused') {
    const refusal = answer.object('refusal');
    return factLines([
      ...head,
      ['answer', `refused: ${refusal.text('code')}`],
      ['why', refusal.text('message')],
    ]);
  }
  const maxOutput = answer.numberOr('max_output_tokens', null);
  const price = answer.object('price');
  return factLines([
    ...head,
    ['served by', servedBy(answer)],
    ['because', answer.text('route_reason')],
    ...(maxOutput === null
      ? []
      : ([
          [
            'output tokens',
            answer.text('admission') === 'lowered'
              ? `lowered to ${maxOutput}, which is what fits the budget`
              : `at most ${maxOutput}`,
          ],
        ] as const)),
    ['estimated cost', `${answer.text('estimated_cost_usd_exact')} USD`],
    ['at most', `${answer.text('worst_case_cost_usd_exact')} USD, held while it runs`],
    ['price from', `${price.text('source')} (${price.text('version')})`],
  ]);
}

async function run(
  flags: Flags<
    'model' | 'prompt' | 'file' | 'max-tokens' | 'route' | 'url' | 'api-key-env' | 'json'
  >,
  session: Session,
): Promise<0> {
  const body = await readBody(flags);
  const route = flags.text('route');
  const path = route === undefined ? '/v1/estimate' : `/v1/estimate?route=${route}`;
  const answer = await connect(flags, session).post(path, body);
  if (flags.isSet('json')) await session.out.json(answer.raw);
  else await session.out.line(lines(answer).join('\n'));
  return 0;
}

export const estimate = command({
  synopsis: '(--model MODEL --prompt TEXT | --file FILE) [options]',
  about:
    'Asks a running gateway what a request would be counted, held and routed as. Nothing is sent to a backend and nothing is set aside. A refusal is an answer too: it is shown with its reason.',
  flags: {
    model: { value: 'MODEL', help: 'Model to ask for; wins over the one in the file.' },
    prompt: { value: 'TEXT', help: 'The message of the user.' },
    file: { value: 'FILE', help: "JSON body of a request; '-' reads standard input." },
    'max-tokens': { value: 'N', help: 'Most output tokens that the request asks for.' },
    route: {
      value: 'ROUTE',
      help: 'Whose body the file holds: chat, completions, embeddings, messages or responses. Told by its fields if left out.',
    },
    ...GATEWAY_FLAGS,
    ...JSON_FLAG,
  },
  examples: [
    'nexus estimate --model gpt-4-turbo --prompt "Why is the sky blue?" --max-tokens 200',
    'nexus estimate --file request.json --json',
    'nexus estimate --file responses.json --route responses',
  ],
  run,
});
