/** Reading JSON from outside: values are checked where they are read, never assumed. */
import type { JsonObject } from '../core/request.ts';

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The member when it is an object, otherwise an empty one. */
export function objectAt(value: JsonObject, key: string): JsonObject {
  const member = value[key];
  return isJsonObject(member) ? member : {};
}

/** The objects in a member that should be a list of them; anything else in it is left out. */
export function objectsAt(value: JsonObject, key: string): readonly JsonObject[] {
  const member = value[key];
  return Array.isArray(member) ? member.filter(isJsonObject) : [];
}

export function stringAt(value: JsonObject, key: string): string {
  const member = value[key];
  return typeof member === 'string' ? member : '';
}

/** The parsed object, or null for anything that is not the JSON text of an object. */
export function parseJsonObject(text: string): JsonObject | null {
  // An exception costs more than many small objects, and a backend can send a hundred thousand of such texts a second.
  if (!text.trimStart().startsWith('{') || !text.trimEnd().endsWith('}')) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
