/** CSV (RFC 4180) as records, piece by piece: only the row that is being read is in memory. */
import { TrafficRecord } from './record.ts';
import { TrafficError } from './traffic-request.ts';

/** A quote that is never closed would otherwise swallow the rest of the file. */
const MAX_ROW_CHARACTERS = 64 * 1024 * 1024;

/** Cells of a row that has quotes in it. */
function quotedCells(row: string): readonly string[] {
  const cells: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^,]*))(,|$)/gy;
  for (let match = pattern.exec(row); match !== null; match = pattern.exec(row)) {
    const [, quoted, plain = '', end] = match;
    cells.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === '') break;
  }
  return cells;
}

function hasOpenQuote(row: string): boolean {
  let quotes = 0;
  for (let at = row.indexOf('"'); at !== -1; at = row.indexOf('"', at + 1)) quotes += 1;
  return quotes % 2 === 1;
}

export class CsvRecords {
  readonly #file: string;
  #columns: ReadonlyMap<string, number> | null = null;
  /** The line that has begun, or the row whose quoted cell goes on in the next line. */
  #rest = '';
  #line = 0;
  /** Line in which the row in `#open` begins. */
  #openLine = 0;
  #open = '';

  constructor(file: string) {
    this.#file = file;
  }

  push(text: string): readonly TrafficRecord[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length + this.#open.length > MAX_ROW_CHARACTERS) throw this.#unclosed();
    return this.#read(lines);
  }

  end(): readonly TrafficRecord[] {
    const last = this.#rest === '' ? [] : this.#read([this.#rest]);
    this.#rest = '';
    if (this.#open !== '') throw this.#unclosed();
    return last;
  }

  #read(lines: readonly string[]): readonly TrafficRecord[] {
    const records: TrafficRecord[] = [];
    for (const line of lines) {
      this.#line += 1;
      const row = this.#wholeRow(line);
      if (row === null || row === '') continue;
      const cells = row.includes('"') ? quotedCells(row) : row.split(',');
      const columns = this.#columns;
      if (columns === null) this.#takeHeader(cells);
      else records.push(this.#record(cells, columns));
    }
    return records;
  }

  /** The row that ends with this line; null while a quoted cell goes on. */
  #wholeRow(line: string): string | null {
    const row = this.#open === '' ? line : `${this.#open}\n${line}`;
    if (this.#open === '') this.#openLine = this.#line;
    this.#open = '';
    if (row.includes('"') && hasOpenQuote(row)) {
      this.#open = row;
      return null;
    }
    return row.endsWith('\r') ? row.slice(0, -1) : row;
  }

  #takeHeader(cells: readonly string[]): void {
    this.#columns = new Map(cells.map((name, at) => [name.trim(), at]));
  }

  #record(cells: readonly string[], columns: ReadonlyMap<string, number>): TrafficRecord {
    const place = `${this.#file}, line ${this.#openLine}`;
    if (cells.length !== columns.size)
      throw new TrafficError(
        `${place}: has ${cells.length} cells, and the header has ${columns.size}`,
      );
    return new TrafficRecord(place, {
      look: (name) => {
        const at = columns.get(name);
        return at === undefined ? undefined : cells[at];
      },
      names: () => [...columns.keys()],
    });
  }

  #unclosed(): TrafficError {
    return new TrafficError(
      `${this.#file}, line ${this.#openLine}: a quote is opened and never closed`,
    );
  }
}
