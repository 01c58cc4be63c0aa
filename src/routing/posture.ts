/** What the budget does to the order in which backends would be tried without it. */
import type { Posture, RoutingPolicy } from '../core/policy.ts';
import type { Candidate, RouteReason } from '../core/request.ts';

/**
 * The candidates that a posture leaves, in its order. Under `preferLocal` the order of each half stays, so that local
 * ones of the asked model come first, then local ones of its fallbacks, then cloud ones in the same way.
 */
function leaveFor(posture: Posture, candidates: readonly Candidate[]): readonly Candidate[] {
  if (posture === 'open') return candidates;
  if (posture === 'closed') return [];
  const local = candidates.filter(({ kind }) => kind === 'local');
  return posture === 'localOnly'
    ? local
    : [...local, ...candidates.filter(({ kind }) => kind === 'cloud')];
}

/**
 * Applies the posture to the candidates in the order in which they would be tried without a budget. A local candidate
 * carries the budget's reason when the budget put it before, or in place of, a cloud one: one that stood before it, or
 * any that serves the asked model.
 */
export function applyPosture(
  policy: RoutingPolicy,
  open: readonly Candidate[],
): readonly Candidate[] {
  const firstCloud = open.findIndex(({ kind }) => kind === 'cloud');
  if (policy.posture === 'open' || firstCloud === -1) return leaveFor(policy.posture, open);
  const reason: RouteReason =
    policy.budget?.status === 'HardLimit' ? 'budget-hard-limit' : 'budget-soft-limit';
  const isAskedInCloud = open.some(({ kind, isFallback }) => kind === 'cloud' && !isFallback);
  const marked = open.map((candidate, at) =>
    candidate.kind === 'local' && (isAskedInCloud || firstCloud < at)
      ? { ...candidate, reason }
      : candidate,
  );
  return leaveFor(policy.posture, marked);
}
