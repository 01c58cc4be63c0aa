/** What a test asks of an official client. Each is fitted by a small adapter, written the way its own documentation does. */

export interface Said {
  readonly text: string;
  readonly finish: string;
  /** What the client was told; null when it was told nothing. */
  readonly usage: {
    readonly input: number;
    readonly output: number;
    readonly cached: number;
  } | null;
}

interface Call {
  readonly model: string;
  readonly prompt: string;
}

interface StreamCall extends Call {
  readonly includeUsage: boolean;
  readonly signal?: AbortSignal;
  readonly onPiece?: (text: string) => void;
}

export interface ToolCallAsked extends Call {
  readonly stream: boolean;
  readonly tool: { readonly name: string; readonly description: string; readonly schema: object };
  readonly run: (args: unknown) => string;
}

export interface ChatClient {
  /** One whole answer. */
  readonly ask: (call: Call) => Promise<Said>;
  /** One streamed answer. Rejects when the stream fails. */
  readonly stream: (call: StreamCall) => Promise<Said>;
  /** Runs the tools that the model calls until it answers with text. */
  readonly useTools: (call: ToolCallAsked) => Promise<Said>;
  /** An answer that keeps to a schema, parsed. */
  readonly askJson: (call: Call & { readonly schema: object }) => Promise<unknown>;
  readonly look: (call: Call & { readonly pngBase64: string }) => Promise<Said>;
  readonly embed: (call: { model: string; texts: readonly string[] }) => Promise<number[][]>;
  /** What the client says of a failure: the status of the answer, and the message. */
  readonly readError: (error: unknown) => {
    readonly status: number | undefined;
    readonly message: string;
  };
}
