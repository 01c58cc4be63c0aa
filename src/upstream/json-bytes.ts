/**
 * Finds a member of a JSON object in its bytes, from the end, without decoding or parsing what is before it. Providers
 * write their usage last, so that in an answer of any size only the last few hundred bytes are looked at.
 */
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
/** A text that names the key again and again is not searched without end; the caller then parses all of it. */
const MAX_CANDIDATES = 8;

/** Where a member lies: `[keyStart, valueEnd)`, with its value from `valueStart`. */
export interface MemberBytes {
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (isSpace(bytes[at])) at += 1;
  return at;
}

/** The position after the string that opens at `from`; beyond the end where it does not close. */
function afterString(bytes: Buffer, from: number): number {
  let at = from + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

/** Walks until `depth` sinks to `floor` or the bytes end. */
function walk(
  bytes: Buffer,
  from: number,
  floor: number,
): { readonly at: number; readonly depth: number } {
  let at = from;
  let depth = 0;
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = afterString(bytes, at);
      continue;
    }
    at += 1;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
      if (depth === floor) break;
    }
  }
  return { at, depth };
}

/** The position after the value at `from`, or -1 where it is cut off. */
function afterValue(bytes: Buffer, from: number): number {
  const first = bytes[from];
  if (first === OPEN_BRACE || first === OPEN_BRACKET) {
    const { at, depth } = walk(bytes, from, 0);
    return depth === 0 ? at : -1;
  }
  if (first === QUOTE) return afterString(bytes, from);
  let at = from;
  while (at < bytes.length && !isSpace(bytes[at]) && bytes[at] !== COMMA) {
    if (bytes[at] === CLOSE_BRACE || bytes[at] === CLOSE_BRACKET) break;
    at += 1;
  }
  return at;
}

/**
 * The last member with this key that belongs to the outermost object, or null. It is outermost when what follows it
 * closes exactly one brace. A key inside a string can not be mistaken for one: there its quotes are escaped.
 */
export function findLastMember(bytes: Buffer, key: string): MemberBytes | null {
  const quoted = `"${key}"`;
  let before = bytes.length;
  for (let candidate = 0; candidate < MAX_CANDIDATES && before >= 0; candidate += 1) {
    const keyStart = bytes.lastIndexOf(quoted, before);
    if (keyStart < 0) return null;
    before = keyStart - 1;
    const colon = skipSpace(bytes, keyStart + quoted.length);
    if (bytes[colon] !== COLON) continue;
    const valueStart = skipSpace(bytes, colon + 1);
    const valueEnd = afterValue(bytes, valueStart);
    if (valueEnd < 0) continue;
    if (walk(bytes, valueEnd, -2).depth === -1) return { keyStart, valueStart, valueEnd };
  }
  return null;
}

export function isNullMember(bytes: Buffer, member: MemberBytes): boolean {
  return bytes.toString('latin1', member.valueStart, member.valueEnd) === 'null';
}

/** The bytes without a member and without the comma that belongs to it. Unchanged where that would not be JSON. */
export function withoutMember(bytes: Buffer, member: MemberBytes): Buffer {
  let previous = member.keyStart - 1;
  while (isSpace(bytes[previous])) previous -= 1;
  const next = skipSpace(bytes, member.valueEnd);
  if (bytes[previous] === COMMA) return cut(bytes, previous, member.valueEnd);
  if (bytes[previous] !== OPEN_BRACE) return bytes;
  return cut(bytes, member.keyStart, bytes[next] === COMMA ? next + 1 : member.valueEnd);
}

function cut(bytes: Buffer, from: number, to: number): Buffer {
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
}
