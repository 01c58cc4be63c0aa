/** The log of a simulation: what a gateway would warn of, for the end of the run. */
import type { Log } from '../core/log.ts';

/** Warnings, each once; everything else is silence. */
export class WarningLog implements Log {
  readonly warnings = new Set<string>();

  error(message: string, fields?: Parameters<Log['error']>[1]): void {
    this.warn(message, fields);
  }

  warn(message: string, fields: Parameters<Log['warn']>[1] = {}): void {
    const details = Object.entries(fields).map(([name, value]) => `${name} ${String(value)}`);
    this.warnings.add([message, ...details].join(', '));
  }

  info(): void {}

  debug(): void {}
}
