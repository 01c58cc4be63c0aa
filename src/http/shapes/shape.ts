/** What the reader of each route gives: the fields of a `ModelRequest` that depend on the route's format. */
import type { JsonObject, ModelRequest } from '../../core/request.ts';

export type Shaped = Pick<
  ModelRequest,
  'stream' | 'wantsUsageChunk' | 'maxOutputTokens' | 'maxOutputField' | 'choices' | 'features'
>;

/** Checks a body and reads it. Throws `GatewayError` (400) that names the field and says what is expected. */
export type Shape = (body: JsonObject) => Shaped;
