/**
 * The one way to a backend's socket. Everything above it speaks in requests and answers; what carries them can be
 * exchanged here without anybody else noticing.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

export interface TransportRequest {
  /** An origin: a URL without a path, because the proxy would put that in front of `path` again. */
  readonly target: URL;
  readonly method: 'GET' | 'POST';
  /** Absolute path with query, base path included. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  /** Ends the exchange at any stage, its body included. */
  readonly signal: AbortSignal;
  /** Deadline for the status line and headers, in milliseconds from now. */
  readonly firstByteTimeoutMs: number;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /**
   * Not read ahead. Errors with `UpstreamFailure` of kind `aborted` after our own signal; any other error means that
   * the backend broke off.
   */
  readonly body: Readable;
}

export interface Transport {
  /** Resolves when status and headers are here; rejects with `UpstreamFailure`. Never retries. */
  open(request: TransportRequest): Promise<TransportResponse>;
  /** Ends every exchange and closes every socket. */
  close(): Promise<void>;
}
