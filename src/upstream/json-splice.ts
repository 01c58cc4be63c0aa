/**
 * Changes members of a JSON object in its bytes. Everything else stays as the client wrote it: numbers that JavaScript
 * can not hold, the order of keys, spaces. What a model reads of a prompt, and what a provider keeps in its prompt
 * cache, is then the client's own text.
 */
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = new Set([0x7b, 0x5b]);
const CLOSE = new Set([0x7d, 0x5d]);
const COMMA = 0x2c;
const CLOSE_BRACE = 0x7d;

interface Span {
  readonly key: string;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** The position after the string that opens at `from`. */
function afterString(bytes: Buffer, from: number): number {
  let at = from + 1;
  while (bytes[at] !== QUOTE && at < bytes.length) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

/** A byte that is neither JSON's white space nor the colon between a key and its value. */
function isContent(byte: number | undefined): boolean {
  return byte !== undefined && byte > 0x20 && byte !== 0x3a;
}

/** Where the value that starts at `from` ends: before the comma or the brace that follows it, white space left out. */
function valueEnd(bytes: Buffer, from: number): number {
  let depth = 0;
  let at = from;
  let end = from;
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0;
    if (depth === 0 && (byte === COMMA || byte === CLOSE_BRACE)) break;
    if (OPEN.has(byte)) depth += 1;
    if (CLOSE.has(byte)) depth -= 1;
    at = byte === QUOTE ? afterString(bytes, at) : at + 1;
    if (byte > 0x20) end = at;
  }
  return end;
}

/** The members of the outermost object; one that stands there twice counts twice, as parsers differ in which they take. */
function membersOf(bytes: Buffer): readonly Span[] {
  const spans: Span[] = [];
  let at = bytes.indexOf('{') + 1;
  for (;;) {
    while (at < bytes.length && bytes[at] !== QUOTE && bytes[at] !== CLOSE_BRACE) at += 1;
    if (bytes[at] !== QUOTE) return spans;
    const keyEnd = afterString(bytes, at);
    // A key may be written with escapes: what counts is what a parser makes of it.
    const key = JSON.parse(bytes.toString('utf8', at, keyEnd)) as string;
    let valueStart = keyEnd;
    while (valueStart < bytes.length && !isContent(bytes[valueStart])) valueStart += 1;
    const end = valueEnd(bytes, valueStart);
    spans.push({ key, valueStart, valueEnd: end });
    at = end;
  }
}

/**
 * The bytes of a JSON object with new values for members that are in it. `bytes` must be the JSON text of an object, as
 * a parser has accepted it.
 */
export function withMembers(bytes: Buffer, values: Readonly<Record<string, unknown>>): Buffer {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const span of membersOf(bytes)) {
    if (!Object.hasOwn(values, span.key)) continue;
    pieces.push(
      bytes.subarray(from, span.valueStart),
      Buffer.from(JSON.stringify(values[span.key])),
    );
    from = span.valueEnd;
  }
  pieces.push(bytes.subarray(from));
  return Buffer.concat(pieces);
}
