/** The smallest value that a JSON Schema asks for, always the same: arguments of simulated tool calls, JSON answers. */
import type { JsonObject } from '../../core/request.ts';
import { isJsonObject, objectAt } from '../json-values.ts';

/** Schemas may refer to themselves without end. */
const MAX_DEPTH = 8;

function sampleObject(schema: JsonObject, depth: number): JsonObject {
  const properties = objectAt(schema, 'properties');
  const required: readonly unknown[] = Array.isArray(schema['required']) ? schema['required'] : [];
  const names = Object.keys(properties).filter((name) => required.includes(name));
  return Object.fromEntries(
    names.map((name) => [name, sampleValue(objectAt(properties, name), depth + 1)]),
  );
}

/** A value for a schema: required properties only, the first of an enumeration, the text `simulated` elsewhere. */
export function sampleValue(schema: JsonObject, depth = 0): unknown {
  if ('const' in schema) return schema['const'];
  const { enum: choices, anyOf, type, items } = schema;
  if (Array.isArray(choices)) return choices[0];
  if (Array.isArray(anyOf) && isJsonObject(anyOf[0]) && depth < MAX_DEPTH) {
    return sampleValue(anyOf[0], depth + 1);
  }
  switch (Array.isArray(type) ? type[0] : type) {
    case 'number':
    case 'integer':
      return typeof schema['minimum'] === 'number' ? schema['minimum'] : 1;
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'array':
      return isJsonObject(items) && depth < MAX_DEPTH ? [sampleValue(items, depth + 1)] : [];
    case 'object':
      return depth < MAX_DEPTH ? sampleObject(schema, depth) : {};
    default:
      return 'simulated';
  }
}
