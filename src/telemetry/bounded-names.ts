/** Names that clients choose, kept from growing statistics and metrics without end. */
import type { RoutingPolicy } from '../core/policy.ts';

/** Distinct names that no backend serves, before all others become `other`. */
const MOST_UNSERVED = 100;
const OTHER = 'other';
const MAX_LENGTH = 128;

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
  let served = new Set<string>();
  let version = Number.NaN;
  const isServed = (written: string): boolean => {
    const now = policy();
    if (now.version !== version) {
      version = now.version;
      const models = now.backends.flatMap((backend) => backend.models.map(({ id }) => id));
      served = new Set([...models, ...configured].map(write));
    }
    return served.has(written);
  };
  return (name) => {
    // What is looked at is bounded too: a name can be as long as a body.
    const written = write(name.slice(0, MAX_LENGTH * 4));
    if (isServed(written)) return written;
    const kept = written.slice(0, MAX_LENGTH);
    if (unserved.has(kept)) return kept;
    if (unserved.size >= MOST_UNSERVED) return OTHER;
    unserved.add(kept);
    return kept;
  };
}
