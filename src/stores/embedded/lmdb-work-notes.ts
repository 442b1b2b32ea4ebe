// The WorkNotes port on LMDB: a table beside those of takedowns, in the environment that outlives the catalog.
import type { WorkNotes } from '../../kernel/ports/work-notes.js';
import { type LmdbEnvironment, readRow, type Table } from './lmdb-environment.js';

export class LmdbWorkNotes implements WorkNotes {
  private readonly notes: Table;

  /** The environment belongs to the caller. */
  constructor(private readonly environment: LmdbEnvironment) {
    this.notes = environment.table('work-notes');
  }

  async read<Value>(name: string): Promise<Value | undefined> {
    this.environment.refresh();
    // Written by `write` alone.
    return readRow(
      this.notes,
      Buffer.from(name),
      (bytes) => JSON.parse(bytes.toString('utf8', 0, bytes.length)) as Value,
    );
  }

  async write(name: string, value: unknown): Promise<void> {
    await this.environment.write(() => this.notes.putSync(Buffer.from(name), Buffer.from(JSON.stringify(value))));
  }
}
