/** Aliases and fallbacks: from the name that a client asked for to the names that may answer. */
import type { RoutingSettings } from '../core/settings.ts';

export interface ModelNames {
  /** The asked name after aliases. */
  readonly model: string;
  /** Names that may answer instead, in order: after aliases, each once, never `model` itself. */
  readonly fallbacks: readonly string[];
}

type NameSettings = Pick<RoutingSettings, 'aliases' | 'fallbacks'>;

const NO_FALLBACKS: readonly string[] = Object.freeze([]);

/**
 * Follows aliases from `name` to one that is none. A cycle, which the loader refuses, ends where it closes, so that
 * this ends for any input. `passed` holds every name on the way, both ends included.
 */
function followAliases(
  name: string,
  aliases: ReadonlyMap<string, string>,
): { readonly end: string; readonly passed: ReadonlySet<string> } {
  const passed = new Set([name]);
  let end = name;
  for (
    let next = aliases.get(end);
    next !== undefined && !passed.has(next);
    next = aliases.get(end)
  ) {
    passed.add(next);
    end = next;
  }
  return { end, passed };
}

/**
 * Returns the look-up of names. All of it is worked out here, once: a request costs one map look-up, and names from
 * clients never become keys.
 */
export function createModelNames(settings: NameSettings): (asked: string) => ModelNames {
  const aliases = new Map(Object.entries(settings.aliases));
  const fallbacks = new Map(Object.entries(settings.fallbacks));
  const known = new Map<string, ModelNames>();
  for (const asked of new Set([...aliases.keys(), ...fallbacks.keys()])) {
    const { end: model, passed } = followAliases(asked, aliases);
    // Fallbacks may be written for an alias or for what it stands for; the latter is the more specific.
    const listed =
      [...passed].map((name) => fallbacks.get(name)).findLast((list) => list !== undefined) ??
      NO_FALLBACKS;
    const names = new Set(listed.map((name) => followAliases(name, aliases).end));
    names.delete(model);
    known.set(asked, Object.freeze({ model, fallbacks: Object.freeze([...names]) }));
  }
  return (asked) => known.get(asked) ?? { model: asked, fallbacks: NO_FALLBACKS };
}
