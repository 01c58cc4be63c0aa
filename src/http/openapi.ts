/** `GET /openapi.json`. A test compares its paths with the routes of the running app, in both directions. */
import { ERRORS } from '../core/errors.ts';
import { LEDGER_SCHEMAS } from './openapi-ledger.ts';

type Json = Readonly<Record<string, unknown>>;

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: Json): Json => ({ 'application/json': { schema } });
const errorAnswer = (description: string): Json => ({ description, content: json(ref('Error')) });

const ANSWER_HEADERS: Json = Object.fromEntries(
  [
    ['X-Nexus-Request-Id', 'Id of the request, also in logs and ledger'],
    ['X-Nexus-Backend', 'Configured name of the backend that answered'],
    ['X-Nexus-Backend-Type', 'local or cloud'],
    [
      'X-Nexus-Route-Reason',
      'capability-match, capacity-overflow, privacy-requirement, failover, budget-soft-limit or budget-hard-limit',
    ],
    ['X-Nexus-Cost-Estimated', 'USD, 4 decimals; when a budget or a price is known'],
    [
      'X-Nexus-Cost-Actual',
      'USD, exact, all attempts of the request together; when a budget or a price is known. A stream, and a JSON answer over 8 MB, has it as a trailer',
    ],
    [
      'X-Nexus-Cost-Basis',
      'provider, metered or assumed, the least sure of all attempts; unsettled: what some attempt cost is not known yet and not in the sum',
    ],
    ['Trailer', 'X-Nexus-Cost-Actual, X-Nexus-Cost-Basis; where they come behind the body'],
    ['X-Nexus-Fallback-Model', 'The model that answered, when it is not the requested one'],
    ['X-Nexus-Max-Tokens', 'The maximum of output tokens, when the budget lowered it'],
    ['X-Nexus-Budget-Status', 'Normal, SoftLimit or HardLimit; only with a budget'],
    ['X-Nexus-Budget-Utilization', 'Percent, 1 decimal; only with a budget'],
    ['X-Nexus-Budget-Remaining', 'USD, 2 decimals; only with a budget'],
  ].map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
);

const modelErrors: Json = {
  ...Object.fromEntries(
    [...new Set(Object.values(ERRORS).map(({ status }) => status))]
      .filter((status) => status !== 405)
      .map((status) => {
        const codes = Object.entries(ERRORS).flatMap(([code, error]) =>
          error.status === status ? [code] : [],
        );
        return [String(status), errorAnswer(codes.join(', '))];
      }),
  ),
  402: errorAnswer('budget_exhausted, with exhausted_status = 402'),
  429: errorAnswer('budget_exhausted, with exhausted_status = 429'),
};

function modelRoute(summary: string, input: Json): Json {
  return {
    post: {
      summary,
      parameters: [
        {
          name: 'X-Nexus-Strict',
          in: 'header',
          schema: { type: 'string', enum: ['true'] },
          description: 'Never answer with another model than the requested one',
        },
        {
          name: 'X-Nexus-Cost-Event',
          in: 'header',
          schema: { type: 'string', enum: ['true'] },
          description:
            'End a stream with a comment of its cost, such as `: nexus-cost 0.00123 basis=provider`',
        },
      ],
      requestBody: { required: true, content: json(input) },
      responses: {
        200: {
          description: 'The answer of the backend',
          headers: ANSWER_HEADERS,
          content: {
            ...json({ type: 'object' }),
            'text/event-stream': { schema: { type: 'string' } },
          },
        },
        ...modelErrors,
      },
    },
  };
}

function read(
  summary: string,
  schema: Json = { type: 'object' },
  parameters: readonly Json[] = [],
): Json {
  return {
    get: {
      summary,
      parameters,
      responses: { 200: { description: summary, content: json(schema) } },
    },
  };
}

function query(name: string, description: string): Json {
  return { name, in: 'query', schema: { type: 'string' }, description };
}

const SCHEMAS: Json = {
  ...LEDGER_SCHEMAS,
  Error: {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['message', 'type', 'param', 'code'],
        properties: {
          message: { type: 'string' },
          type: { type: 'string' },
          param: { type: ['string', 'null'] },
          code: { type: 'string', enum: Object.keys(ERRORS) },
        },
      },
      context: { type: 'object' },
    },
  },
  Chat: {
    type: 'object',
    required: ['model', 'messages'],
    properties: {
      model: { type: 'string' },
      messages: { type: 'array', minItems: 1, items: { type: 'object', required: ['role'] } },
      stream: { type: 'boolean' },
      max_tokens: { type: 'integer', minimum: 1 },
      max_completion_tokens: { type: 'integer', minimum: 1 },
    },
  },
  Completion: {
    type: 'object',
    required: ['model', 'prompt'],
    properties: { model: { type: 'string' } },
  },
  Embedding: {
    type: 'object',
    required: ['model', 'input'],
    properties: { model: { type: 'string' } },
  },
  Message: {
    type: 'object',
    required: ['model', 'max_tokens', 'messages'],
    properties: {
      model: { type: 'string' },
      max_tokens: { type: 'integer', minimum: 1 },
      messages: { type: 'array', minItems: 1, items: { type: 'object', required: ['role'] } },
      stream: { type: 'boolean' },
    },
  },
  CountedMessage: {
    type: 'object',
    required: ['model', 'messages'],
    properties: {
      model: { type: 'string' },
      messages: { type: 'array', minItems: 1, items: { type: 'object', required: ['role'] } },
    },
  },
  Response: {
    type: 'object',
    required: ['model'],
    properties: {
      model: { type: 'string' },
      input: { oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'object' } }] },
      instructions: { type: 'string' },
      background: { const: false },
      max_output_tokens: { type: 'integer', minimum: 1 },
      stream: { type: 'boolean' },
    },
  },
  Clock: {
    type: 'object',
    properties: {
      to: { type: 'string', format: 'date-time' },
      advance_seconds: { type: 'number', minimum: 0 },
    },
  },
};

const PATHS: Json = {
  '/v1/chat/completions': modelRoute('Chat, streamed or not', ref('Chat')),
  '/v1/completions': modelRoute('Text completion, streamed or not', ref('Completion')),
  '/v1/embeddings': modelRoute('Embeddings', ref('Embedding')),
  '/v1/messages': modelRoute(
    'A message in the format of the Anthropic Messages API, streamed or not; its errors too have that format',
    ref('Message'),
  ),
  '/v1/messages/count_tokens': {
    post: {
      summary: 'Counts the input tokens of a message. Free, and answered without a budget too',
      requestBody: { required: true, content: json(ref('CountedMessage')) },
      responses: {
        200: {
          description:
            'By a backend that counts them, where one serves the model; else by the gateway',
          content: json({
            type: 'object',
            required: ['input_tokens'],
            properties: { input_tokens: { type: 'integer', minimum: 0 } },
          }),
        },
        400: errorAnswer('invalid_request_error'),
        404: errorAnswer('model_not_found'),
      },
    },
  },
  '/v1/responses': modelRoute(
    "A response in the format of OpenAI's Responses API, streamed or not",
    ref('Response'),
  ),
  '/v1/estimate': {
    post: {
      summary: 'Prices a request without sending it',
      description:
        'Without `route` the fields tell it. `messages`: chat, or messages where `system`, `thinking`, `stop_sequences` or a tool with `input_schema` is there too. `prompt` that is no object: completions. `input`: embeddings for a list of texts or token ids, for a model with "embed" in its name, and beside `encoding_format` or `dimensions`; else responses.',
      parameters: [
        query('route', 'chat, completions, embeddings, messages or responses: whose body it is'),
      ],
      requestBody: {
        required: true,
        content: json({
          anyOf: ['Chat', 'Completion', 'Embedding', 'Message', 'Response'].map(ref),
        }),
      },
      responses: {
        200: {
          description: 'Tokens, route, estimate and worst case',
          content: json({ type: 'object' }),
        },
        400: errorAnswer('invalid_request_error'),
      },
    },
  },
  '/v1/models': read('Models that can be asked for'),
  '/v1/models/{model}': read('One model', { type: 'object' }, [
    { name: 'model', in: 'path', required: true, schema: { type: 'string' } },
  ]),
  '/v1/stats': read(
    'Requests, backends, models, what bills taught about token counts and, with a budget, the budget',
  ),
  '/v1/budget': read('The budget, money as exact strings'),
  '/v1/ledger': read('Ledger entries, newest first', ref('Ledger'), [
    query('month', 'YYYY-MM'),
    query('kind', 'hold, void, charge, suspend, resolve or adjust'),
    query('model', 'Model that served'),
    query('backend', 'Backend that served'),
    query('request_id', 'Entries of one request'),
    query('before', 'Only entries with a smaller seq'),
    query('after', 'Only entries with a larger seq, oldest first'),
    query('limit', '1 to 1000, 100 by default'),
  ]),
  '/v1/ledger/prices': read('The prices that entries refer to by price_id', ref('LedgerPrices')),
  '/health': read('Summary for people'),
  '/livez': read('The process is alive'),
  '/readyz': read('Requests can be served'),
  '/metrics': {
    get: {
      summary: 'Prometheus text format',
      responses: {
        200: {
          description: 'Metrics',
          content: { 'text/plain': { schema: { type: 'string' } } },
        },
      },
    },
  },
  '/openapi.json': read('This document'),
  '/admin/clock': {
    post: {
      summary: 'Moves an injected clock forward',
      requestBody: { required: true, content: json(ref('Clock')) },
      responses: {
        200: {
          description: 'The new time and billing month',
          content: json({ type: 'object' }),
        },
        400: errorAnswer('invalid_request_error'),
        404: errorAnswer('not_found'),
      },
    },
  },
};

/** The OpenAPI 3.1 document of the gateway. */
export function openApiDocument(version: string): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Nexus',
      version,
      description: 'An LLM gateway that cannot overspend.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths: PATHS,
    components: {
      schemas: SCHEMAS,
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
    security: [{ bearer: [] }, {}],
  };
}
