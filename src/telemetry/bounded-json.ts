/** Values as plain JSON of a bounded size, for inspectors. Nothing that it is given makes it throw. */

const MOST_DEPTH = 6;
const MOST_ITEMS = 32;
const MOST_FIELDS = 64;
const MOST_CHARACTERS = 300;
/** In the whole of it. */
const MOST_VALUES = 2000;

const CUT = '...';

/** How many values may still be written. */
interface Room {
  values: number;
}

function short(text: string): string {
  return text.length > MOST_CHARACTERS ? text.slice(0, MOST_CHARACTERS) + CUT : text;
}

function listOf(items: readonly unknown[], depth: number, room: Room): readonly unknown[] {
  const shown = items.slice(0, MOST_ITEMS).map((item) => bounded(item, depth - 1, room));
  const more = items.length - shown.length;
  return more > 0 ? [...shown, `and ${more} more`] : shown;
}

function fieldsOf(value: object, depth: number, room: Room): Readonly<Record<string, unknown>> {
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined && typeof field !== 'function')
    .slice(0, MOST_FIELDS);
  return Object.fromEntries(
    fields.map(([name, field]) => [short(name), bounded(field, depth - 1, room)]),
  );
}

function bounded(value: unknown, depth: number, room: Room): unknown {
  room.values -= 1;
  if (room.values < 0) return CUT;
  if (typeof value === 'string') return short(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return { name: value.name, message: short(value.message) };
  // An actor in a context or an event: its name says enough, and behind it lies the whole system.
  if ('sessionId' in value && 'id' in value) return { actor: String(value.id) };
  if (depth <= 0) return CUT;
  return Array.isArray(value) ? listOf(value, depth, room) : fieldsOf(value, depth, room);
}

/** Cuts long texts, long lists, deep nesting and what is simply too much; functions are left out. */
export function boundedJson(value: unknown): unknown {
  try {
    return bounded(value, MOST_DEPTH, { values: MOST_VALUES });
  } catch (error) {
    return `not readable: ${String(error)}`;
  }
}
