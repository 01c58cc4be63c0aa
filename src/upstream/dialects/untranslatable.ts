/** A request that can not be said in the format of a backend. */
import { UpstreamFailure } from '../../core/upstream.ts';

/** `field` names what can not be said, `why` what it is, `where` for whom. Nothing was sent. */
export function untranslatable(
  field: string,
  why: string,
  where = 'for this backend',
): UpstreamFailure {
  return new UpstreamFailure(
    'untranslatable',
    false,
    `${field}: ${why} can not be translated ${where}`,
    undefined,
    field,
  );
}
