/** Names that clients choose, kept from growing statistics and metrics without end. */
import type { RoutingPolicy } from '../core/policy.ts';

/** Distinct names that no backend serves, before all others become `other`. */
const MOST_UNSERVED = 100;
const OTHER = 'other';
const MAX_LENGTH = 128;
/** Names whose written form is remembered: clients may spell one that is served in many ways. */
const MOST_REMEMBERED = 1000;

/** Every character but letters, digits and `_` becomes `_`: `gpt-4-turbo` is `gpt_4_turbo`. */
export function sanitizeLabel(name: string): string {
  return name.replace(/[^\p{L}\p{Nd}_]/gu, '_');
}

/**
 * Returns the function that maps a model's name to the name under which it is counted. Names that a backend serves, or
 * that the configuration knows (aliases, fallbacks), are always kept.
 */
export function boundedNames(
  policy: () => RoutingPolicy,
  configured: readonly string[],
  write: (name: string) => string = (name) => name,
): (name: string) => string {
  const unserved = new Set<string>();
  const remembered = new Map<string, string>();
  let served = new Set<string>();
  let version = Number.NaN;
  const refresh = (): void => {
    const now = policy();
    if (now.version === version) return;
    version = now.version;
    const models = now.backends.flatMap((backend) => backend.models.map(({ id }) => id));
    served = new Set([...models, ...configured].map(write));
    remembered.clear();
  };
  return (name) => {
    refresh();
    const before = remembered.get(name);
    if (before !== undefined) return before;
    // What is looked at is bounded too: a name can be as long as a body.
    const written = write(name.slice(0, MAX_LENGTH * 4));
    if (served.has(written)) {
      if (name.length <= MAX_LENGTH && remembered.size < MOST_REMEMBERED)
        remembered.set(name, written);
      return written;
    }
    const kept = written.slice(0, MAX_LENGTH);
    if (unserved.has(kept)) return kept;
    if (unserved.size >= MOST_UNSERVED) return OTHER;
    unserved.add(kept);
    return kept;
  };
}
