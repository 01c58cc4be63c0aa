/** What a ledger file has seen, read beside the gateway that owns it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { modelsInFile } from '../../src/ledger/models-in-file.ts';
import { startTestGateway, TWO_BACKENDS } from '../support/test-gateway.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nexus-models-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the models of a ledger file', () => {
  it('are each pair of backend and model once, while the gateway runs and after it', async () => {
    const nexus = await startTestGateway(TWO_BACKENDS, { folder });
    const { ledgerPath } = nexus;
    expect(modelsInFile(ledgerPath)).toEqual([]);
    for (const model of ['llama3', 'gpt-4-turbo', 'llama3'])
      await (await nexus.chat(model, 'Hello')).arrayBuffer();
    const seen = [
      { backend: 'cloud', model: 'gpt-4-turbo' },
      { backend: 'local', model: 'llama3' },
    ];

    expect(modelsInFile(ledgerPath)).toEqual(seen);
    await nexus.stop();
    expect(modelsInFile(ledgerPath)).toEqual(seen);
  });

  it('are none in a file without anything in it', async () => {
    const file = path.join(folder, 'empty.db');
    await writeFile(file, '');

    expect(modelsInFile(file)).toEqual([]);
  });

  it('are not looked for in what is no ledger', async () => {
    const other = path.join(folder, 'other.db');
    const database = new DatabaseSync(other);
    database.exec('CREATE TABLE entry (backend, model)');
    database.close();
    const text = path.join(folder, 'text.db');
    await writeFile(text, 'this is no database, but long enough to be taken for one'.repeat(20));

    expect(() => modelsInFile(other)).toThrow('not a Nexus ledger');
    expect(() => modelsInFile(text)).toThrow('it is not a SQLite database');
    expect(() => modelsInFile(path.join(folder, 'none', 'x.db'))).toThrow('can not be opened');
  });
});
