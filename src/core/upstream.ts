/** The data plane's way out, as the conductor sees it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { BackendModel, ModelRoute } from './policy.ts';
import type { ModelRequest } from './request.ts';
import type { TokenUsage } from './usage.ts';

/** One call of one backend. */
export interface UpstreamAttempt {
  readonly request: ModelRequest;
  readonly backend: string;
  /** The model name to send. */
  readonly model: string;
  /** Lowered maximum of output tokens; null leaves the client's own, or none, in place. */
  readonly maxOutputTokens: number | null;
  /**
   * Input tokens as the gateway counted them, for clients whose format tells them before a backend does. Left out where
   * nobody counted.
   */
  readonly inputTokens?: number;
  /** Aborts the upstream call, at any stage. */
  readonly signal: AbortSignal;
  /** Deadline for the status line and headers, in milliseconds from now. */
  readonly firstByteTimeoutMs: number;
  /** The client's request and response; their bodies are not touched. */
  readonly clientRequest: IncomingMessage;
  readonly clientResponse: ServerResponse;
}

/**
 * Reads an answer as it passes: turns upstream bytes into client bytes (the same bytes where both speak one dialect)
 * and finds the usage in them. Never throws on odd input: what it can not read passes unchanged.
 */
export interface AnswerReader {
  /** Client bytes for a piece of the upstream body; may be empty. */
  push(chunk: Buffer): Buffer;
  /** Client bytes that remain at the end of the upstream body. */
  end(): Buffer;
  /** The provider's own usage, null while it was not seen. The last one wins; they are never summed. */
  usage(): TokenUsage | null;
  /**
   * What a stream said of its usage before the final figures: the input is the bill's, the output that of the first
   * words. For metering a stream that broke off; null or left out where the provider says nothing so early.
   */
  startedUsage?(): TokenUsage | null;
  /** A stream: its end marker was seen. A JSON answer: the whole body was seen. */
  isComplete(): boolean;
  /** The answer's text so far (content, reasoning, tool arguments), for metering where usage is missing. */
  outputText(): string;
  /** In-band error event in the client's dialect, for a stream that dies after its first byte. */
  streamError(message: string, code: string): Buffer;
}

export interface UpstreamAnswer {
  readonly status: number;
  /** Safe to pass to the client: hop-by-hop, cookies and credentials are gone. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** True for a server-sent event stream. */
  readonly isStream: boolean;
  readonly body: Readable;
  readonly reader: AnswerReader;
}

/**
 * `connect`: never sent. `timeout` and `reset`: sent, outcome unknown. `aborted`: by our own signal.
 * `untranslatable`: the request can not be said in the backend's dialect; nothing was sent.
 */
export type UpstreamFailureKind = 'connect' | 'timeout' | 'reset' | 'aborted' | 'untranslatable';

export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure';
  readonly kind: UpstreamFailureKind;
  /** True when bytes of the request may have reached the backend, so that it may be billed. */
  readonly wasSent: boolean;
  /** The field of the request that can not be said, for `untranslatable`. */
  readonly field: string | null;

  constructor(
    kind: UpstreamFailureKind,
    wasSent: boolean,
    message: string,
    cause?: unknown,
    field: string | null = null,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.wasSent = wasSent;
    this.field = field;
  }
}

export interface Upstream {
  /** Resolves when status and headers are here; rejects with `UpstreamFailure`. */
  open(attempt: UpstreamAttempt): Promise<UpstreamAnswer>;
  /**
   * Asks a backend how many input tokens a Messages request has, which no provider bills. Rejects with `UpstreamFailure`;
   * null for a backend that has no such call.
   */
  countTokens?(attempt: UpstreamAttempt): Promise<UpstreamAnswer> | null;
  /** Routes that a backend's type can serve. */
  routesOf(backend: string): readonly ModelRoute[];
  /** One health probe that is never billable: model list and latency. Rejects with a plain reason. */
  probe(backend: string, timeoutMs: number): Promise<ProbeResult>;
  close(): Promise<void>;
}

export interface ProbeResult {
  readonly latencyMs: number;
  /** Null when the backend does not list models. */
  readonly models: readonly BackendModel[] | null;
}
