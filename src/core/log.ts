/** The logger as a port. Fields never hold prompt or answer text, and never a key. */
export type LogFields = Readonly<
  Record<string, string | number | boolean | null | undefined | Error>
>;

export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}
