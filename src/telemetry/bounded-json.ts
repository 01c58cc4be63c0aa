/** Values as plain JSON of a bounded size, for inspectors. Nothing that it is given makes it throw. */

const MOST_DEPTH = 6;
const MOST_ITEMS = 32;
const MOST_FIELDS = 64;
const MOST_CHARACTERS = 300;

function short(text: string): string {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}...` : text;
}

function listOf(items: readonly unknown[], depth: number): readonly unknown[] {
  const shown = items.slice(0, MOST_ITEMS).map((item) => bounded(item, depth - 1));
  const more = items.length - shown.length;
  return more > 0 ? [...shown, `and ${more} more`] : shown;
}

function fieldsOf(value: object, depth: number): Readonly<Record<string, unknown>> {
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined && typeof field !== 'function')
    .slice(0, MOST_FIELDS);
  return Object.fromEntries(
    fields.map(([name, field]) => [short(name), bounded(field, depth - 1)]),
  );
}

function bounded(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return short(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return { name: value.name, message: short(value.message) };
  // An actor in a context or an event: its name says enough, and behind it lies the whole system.
  if ('sessionId' in value && 'id' in value) return { actor: String(value.id) };
  if (depth <= 0) return Array.isArray(value) ? '[...]' : '{...}';
  return Array.isArray(value) ? listOf(value, depth) : fieldsOf(value, depth);
}

/** Cuts long texts, long lists and deep nesting; functions are left out. */
export function boundedJson(value: unknown): unknown {
  try {
    return bounded(value, MOST_DEPTH);
  } catch (error) {
    return `not readable: ${String(error)}`;
  }
}
