/** What a backend's wire format must tell the rest of the room. One dialect serves many backend types. */
import type { ModelRoute } from '../../core/policy.ts';
import type { AnswerReader, UpstreamAttempt } from '../../core/upstream.ts';

/** Path and bytes of one attempt. Throws `UpstreamFailure` of kind `untranslatable`. */
interface Outgoing {
  readonly path: string;
  readonly body: Buffer;
}

/** The head of an answer, as far as a reader depends on it. */
interface AnswerHead {
  readonly status: number;
  readonly isStream: boolean;
}

export interface Dialect {
  /** True when the client speaks it too, so that bodies pass with their bytes unchanged. */
  readonly isClients: boolean;
  readonly routes: readonly ModelRoute[];
  /** Client headers, in lower case, that are harmless and mean something to these backends. */
  readonly relayedHeaders: readonly string[];
  /** How the backend wants its own key; empty when it has none. */
  readonly credentials: Readonly<Record<string, string>>;
  outgoing(attempt: UpstreamAttempt): Outgoing;
  reader(attempt: UpstreamAttempt, head: AnswerHead): AnswerReader;
  /** Path of the model list, for probes. */
  readonly modelsPath: string;
}
