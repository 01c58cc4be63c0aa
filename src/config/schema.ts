/** The JSON Schema of the configuration as the loader reads it: names, types, defaults and limits come from nowhere else. */
import schemaFile from '../../config/nexus.schema.json' with { type: 'json' };
import type { KeyPath } from './config-error.ts';

type SchemaType = 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean';

/** The subset of JSON Schema that the file uses, and that editors understand. */
export interface SchemaNode {
  readonly description: string;
  readonly type: SchemaType | readonly SchemaType[];
  readonly default?: unknown;
  readonly enum?: readonly (string | number)[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode;
}

export const SCHEMA: SchemaNode & { readonly properties: Readonly<Record<string, SchemaNode>> } =
  schemaFile as SchemaNode & typeof schemaFile;

/** The schema of what lies one step below a node, or undefined when nothing is allowed there. */
function childOf(node: SchemaNode | undefined, part: string | number): SchemaNode | undefined {
  if (node === undefined) return undefined;
  if (typeof part === 'number') return node.items;
  if (node.properties && Object.hasOwn(node.properties, part)) return node.properties[part];
  return typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
}

export function schemaAt(path: KeyPath): SchemaNode | undefined {
  return path.reduce(childOf, SCHEMA as SchemaNode | undefined);
}

function hasType(node: SchemaNode, type: SchemaType): boolean {
  return typeof node.type === 'string' ? node.type === type : node.type.includes(type);
}

/** Every key with a single value that is in no list and in no map: those that flags and the environment can set. */
export function scalarKeys(
  node: SchemaNode = SCHEMA,
  path: readonly string[] = [],
): readonly (readonly string[])[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const key = [...path, name];
    if (hasType(child, 'object')) return scalarKeys(child, key);
    return hasType(child, 'array') ? [] : [key];
  });
}

/** Every place at which a key is known, also inside lists (as `backends[].url`), by the key's own name. */
export function placesOf(name: string, node: SchemaNode = SCHEMA, place = ''): readonly string[] {
  const own = Object.keys(node.properties ?? {}).filter((key) => key === name);
  const found = own.map((key) => (place === '' ? key : `${place}.${key}`));
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const below = place === '' ? key : `${place}.${key}`;
    found.push(...placesOf(name, child, below));
    if (child.items) found.push(...placesOf(name, child.items, `${below}[]`));
  }
  return found;
}

/** The default values of a section's keys. */
export function defaultsOf(path: KeyPath): Readonly<Record<string, unknown>> {
  const entries = Object.entries(schemaAt(path)?.properties ?? {});
  return Object.fromEntries(
    entries.flatMap(([key, node]) => (node.default === undefined ? [] : [[key, node.default]])),
  );
}

function rangeOf(node: SchemaNode): string {
  const { minimum, exclusiveMinimum, maximum } = node;
  const from = exclusiveMinimum === undefined ? minimum : exclusiveMinimum;
  if (from === undefined) return '';
  const isAbove = exclusiveMinimum !== undefined;
  if (maximum === undefined)
    return isAbove
      ? ` above ${from}`
      : from === 0
        ? ' that is not negative'
        : ` of at least ${from}`;
  return isAbove ? ` above ${from} and up to ${maximum}` : ` from ${from} to ${maximum}`;
}

function joinWords(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** What a key takes, in words: `a whole number from 1 to 31`. */
export function acceptedBy(node: SchemaNode): string {
  if (node.enum) return joinWords(node.enum.map((value) => JSON.stringify(value)));
  if (hasType(node, 'object')) return 'a table';
  if (hasType(node, 'array'))
    return node.items && hasType(node.items, 'object') ? 'a list of tables' : 'a list';
  if (hasType(node, 'boolean')) return 'true or false';
  if (hasType(node, 'integer')) return `a whole number${rangeOf(node)}`;
  if (hasType(node, 'number')) return `a number${rangeOf(node)}`;
  if (node.pattern === undefined) return 'text that is not empty';
  // A pattern says nothing to people; the first sentence of the description does.
  return `this: ${node.description.split('. ', 1).join('')}`;
}
