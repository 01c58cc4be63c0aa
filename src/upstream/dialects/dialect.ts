/** What a backend's wire format must tell the rest of the room. One dialect serves many backend types. */
import type { ModelRoute } from '../../core/policy.ts';
import type { AnswerReader, UpstreamAttempt } from '../../core/upstream.ts';

/** Path and bytes of one attempt. Throws `UpstreamFailure` of kind `untranslatable`. */
export interface Outgoing {
  readonly path: string;
  readonly body: Buffer;
  /** Client headers, in lower case, that mean something to the backend beside those that the dialect always relays. */
  readonly relays?: readonly string[];
}

/** The head of an answer, as far as a reader depends on it. */
export interface AnswerHead {
  readonly status: number;
  readonly isStream: boolean;
}

export interface Dialect {
  /** Routes whose bodies pass with their bytes unchanged, because the backend speaks the client's format. */
  readonly passes: readonly ModelRoute[];
  /** Routes that the dialect itself translates. */
  readonly translates: readonly ModelRoute[];
  /** Client headers, in lower case, that are harmless and mean something to these backends. */
  readonly relayedHeaders: readonly string[];
  /** Headers that the backend asks for, where the client sent none of its own. */
  readonly defaultHeaders?: Readonly<Record<string, string>>;
  /** How the backend wants its own key; empty when it has none. */
  readonly credentials: Readonly<Record<string, string>>;
  /** `attempt.request.route` is one of `passes` or `translates`. */
  outgoing(attempt: UpstreamAttempt): Outgoing;
  reader(attempt: UpstreamAttempt, head: AnswerHead): AnswerReader;
  /** The call that counts the input tokens of a Messages request and costs nothing, where the backend has one. */
  counting?(attempt: UpstreamAttempt): Outgoing;
  /** Path of the model list, for probes. */
  readonly modelsPath: string;
}
