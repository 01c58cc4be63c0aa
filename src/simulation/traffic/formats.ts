/** The formats of traffic, told apart by the names of their columns or keys, and how each becomes rows. */
import type { TokenUsage } from '../../core/usage.ts';
import { usageOf, type TrafficRecord } from './record.ts';
import type { TrafficRow } from './traffic-request.ts';

/** Takes what a record turns out to be. */
interface TrafficSink {
  row(row: TrafficRow): void;
  /** It is something that can not be played; `what`, in words for people and in the plural. */
  leave(what: string): void;
}

/** May remember what it has seen, so each file gets one of its own. */
export type Converter = (record: TrafficRecord, sink: TrafficSink) => void;

export interface TrafficFormat {
  readonly name: string;
  /** Every one of these must be there. */
  readonly keys: readonly string[];
  readonly create: () => Converter;
}

/** One request. */
function rowOf(
  record: TrafficRecord,
  atMs: number,
  usage: TokenUsage,
  maxOutputTokens: number | null = null,
): TrafficRow {
  const { place } = record;
  const model = record.model();
  return { place, atMs, untilMs: atMs, requests: 1, model, usage, maxOutputTokens };
}

/** Nexus's own: time, model, tokens, and what else is known. */
function plain(): Converter {
  return (record, sink) => {
    const maxTokens = record.has('max_tokens') ? record.tokens('max_tokens') : null;
    sink.row(rowOf(record, record.instant('time'), record.usage(), maxTokens));
  };
}

/** Holds that a charge may still come for. One without an end, of a process that crashed, is forgotten in the end. */
const MAX_OPEN_HOLDS = 100_000;

/**
 * `nexus ledger export`: every charge is a request, at the time of its hold where that is in the file too. Which model
 * was asked for is not in a ledger, so the one that answered is asked.
 */
function ledger(): Converter {
  const heldAtMs = new Map<string, number>();
  return (record, sink) => {
    const kind = record.text('kind');
    const holdId = record.text('hold_id');
    const atMs = record.instant('time');
    if (kind === 'hold') {
      heldAtMs.set(holdId, atMs);
      const [oldest] = heldAtMs.size > MAX_OPEN_HOLDS ? heldAtMs.keys() : [];
      if (oldest !== undefined) heldAtMs.delete(oldest);
      return;
    }
    const startedAtMs = heldAtMs.get(holdId) ?? atMs;
    if (kind !== 'suspend') heldAtMs.delete(holdId);
    if (kind === 'adjust') sink.leave('adjustments of earlier charges');
    if (kind !== 'charge' && kind !== 'resolve') return;
    const used = record.inner('usage') ?? record;
    if (used.has('input_tokens')) sink.row(rowOf(record, startedAtMs, used.usage()));
    else sink.leave('charges of which no usage is known');
  };
}

/** LiteLLM's spend logs: a request in each record. Times without a zone are those of its database, in UTC. */
function liteLlm(): Converter {
  return (record, sink) => {
    if (record.value('status') === 'failure') return sink.leave('requests that failed');
    const usage = usageOf({
      input: record.tokens('prompt_tokens', 0),
      output: record.tokens('completion_tokens', 0),
    });
    return sink.row(rowOf(record, record.instant('startTime', 'Z'), usage));
  };
}

function isBatch(record: TrafficRecord): boolean {
  const batch = record.value('batch');
  return batch === true || (typeof batch === 'string' && batch.toLowerCase() === 'true');
}

const OLDEST_SECONDS = 1_000_000_000;

function unixMs(record: TrafficRecord, name: string): number {
  const value = record.value(name);
  const seconds = typeof value === 'string' ? Number(value) : value;
  if (typeof seconds === 'number' && seconds >= OLDEST_SECONDS && seconds < 1e11)
    return Math.round(seconds * 1000);
  throw record.fault(`${name} must be a time in Unix seconds`);
}

interface Stretch {
  readonly atMs: number;
  readonly untilMs: number;
}

/** Sums of one model in one bucket of time. */
function takeSums(result: TrafficRecord, { atMs, untilMs }: Stretch, sink: TrafficSink): void {
  const requests = result.tokens('num_model_requests', 0);
  if (requests === 0) return;
  if (isBatch(result)) {
    sink.leave('sums of the batch API, which no gateway sees');
    return;
  }
  if (!result.has('model')) {
    throw result.fault(
      'the model is missing: export the usage again, grouped by model (group_by=model)',
    );
  }
  const usage = usageOf({
    input: result.tokens('input_tokens', 0),
    cachedInput: result.tokens('input_cached_tokens', 0),
    inputAudio: result.tokens('input_audio_tokens', 0),
    output: result.tokens('output_tokens', 0),
    outputAudio: result.tokens('output_audio_tokens', 0),
  });
  const { place } = result;
  const model = result.model();
  sink.row({ place, atMs, untilMs, requests, model, usage, maxOutputTokens: null });
}

function stretchOf(record: TrafficRecord): Stretch {
  const atMs = unixMs(record, 'start_time');
  return { atMs, untilMs: Math.max(atMs, unixMs(record, 'end_time')) };
}

/** OpenAI's usage as CSV, from its dashboard: a bucket and a model in each row; an empty bucket has only its times. */
function openAiCsv(): Converter {
  return (record, sink) => takeSums(record, stretchOf(record), sink);
}

/** OpenAI's usage API: pages of buckets with results. */
function openAiBuckets(): Converter {
  return (record, sink) => {
    const stretch = stretchOf(record);
    for (const result of record.items('results')) takeSums(result, stretch, sink);
  };
}

/** The most particular first: an exported ledger has the plain columns too. */
export const TRAFFIC_FORMATS: readonly TrafficFormat[] = [
  { name: 'Nexus ledger', keys: ['kind', 'time', 'hold_id', 'model'], create: ledger },
  { name: 'plain', keys: ['time', 'model', 'input_tokens', 'output_tokens'], create: plain },
  {
    name: 'LiteLLM spend logs',
    keys: ['startTime', 'model', 'prompt_tokens', 'completion_tokens'],
    create: liteLlm,
  },
  { name: 'OpenAI usage', keys: ['start_time', 'end_time', 'results'], create: openAiBuckets },
  {
    name: 'OpenAI usage',
    keys: ['start_time', 'end_time', 'num_model_requests'],
    create: openAiCsv,
  },
];
