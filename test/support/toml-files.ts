/** TOML files in a folder of their own, for tests of the configuration. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export class TomlFiles {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'nexus-config-'));

  /** Writes the file and returns its path. */
  write(text: string, name = 'nexus.toml'): string {
    const file = path.join(this.folder, name);
    writeFileSync(file, text);
    return file;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
