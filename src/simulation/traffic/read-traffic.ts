/** From the bytes of a traffic file to requests in the order of time: format by format, piece by piece. */
import { CsvRecords } from './csv-records.ts';
import { TRAFFIC_FORMATS, type Converter, type TrafficFormat } from './formats.ts';
import { TimeOrder } from './in-time-order.ts';
import { JsonRecords } from './json-records.ts';
import type { TrafficRecord } from './record.ts';
import { TrafficError, type TrafficRequest } from './traffic-request.ts';

/** Requests in the order of time, in pieces: an `await` for each one would cost more than playing it. */
export interface Traffic {
  readonly pieces: AsyncIterable<readonly TrafficRequest[]>;
  /** What could not be played, in words, and how often; complete when all pieces were read. */
  readonly leftOut: ReadonlyMap<string, number>;
}

interface RecordReader {
  push(text: string): readonly TrafficRecord[];
  end(): readonly TrafficRecord[];
}

const SHOWN_NAMES = 12;

/** Chooses by the first character that is none of the blanks; null while there is only blank text. */
function readerFor(text: string, file: string): RecordReader | null {
  const first = text.trimStart().charAt(0);
  if (first === '') return null;
  return first === '{' || first === '[' ? new JsonRecords(file) : new CsvRecords(file);
}

function formatOf(record: TrafficRecord): TrafficFormat {
  const found = TRAFFIC_FORMATS.find(({ keys }) => keys.every((key) => record.knows(key)));
  if (found !== undefined) return found;
  const names = record.names();
  const shown = names.slice(0, SHOWN_NAMES).join(', ');
  throw record.fault(
    `this is no traffic that is known; a CSV begins with the header time,model,input_tokens,output_tokens, and JSON lines have the same names (also known: exports of nexus ledger, OpenAI usage and LiteLLM spend logs). It has ${shown}${names.length > SHOWN_NAMES ? ', ...' : ''}`,
  );
}

class TrafficReader {
  readonly leftOut = new Map<string, number>();
  readonly #file: string;
  readonly #order = new TimeOrder();
  #reader: RecordReader | null = null;
  #blank = '';
  #convert: Converter | null = null;
  #hasRows = false;

  constructor(file: string) {
    this.#file = file;
  }

  async *read(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<readonly TrafficRequest[]> {
    const decoder = new TextDecoder();
    for await (const chunk of bytes) {
      this.#take(decoder.decode(chunk, { stream: true }));
      const ready = this.#order.ready();
      if (ready.length > 0) yield ready;
    }
    this.#take(decoder.decode());
    this.#convertAll(this.#reader?.end() ?? []);
    if (!this.#hasRows) throw new TrafficError(`${this.#file} has no requests to play`);
    yield this.#order.rest();
  }

  #take(text: string): void {
    this.#blank += text;
    this.#reader ??= readerFor(this.#blank, this.#file);
    if (this.#reader === null) return;
    const records = this.#reader.push(this.#blank);
    this.#blank = '';
    this.#convertAll(records);
  }

  #convertAll(records: readonly TrafficRecord[]): void {
    for (const record of records) {
      this.#convert ??= formatOf(record).create();
      this.#convert(record, this);
    }
  }

  row(row: Parameters<TimeOrder['add']>[0]): void {
    this.#hasRows = true;
    this.#order.add(row);
  }

  /** Counts what can not be played. */
  leave(what: string): void {
    this.leftOut.set(what, (this.leftOut.get(what) ?? 0) + 1);
  }
}

/** @param file its name, for errors. Reading throws `TrafficError`. */
export function readTraffic(bytes: AsyncIterable<Uint8Array>, file: string): Traffic {
  const reader = new TrafficReader(file);
  return { pieces: reader.read(bytes), leftOut: reader.leftOut };
}
