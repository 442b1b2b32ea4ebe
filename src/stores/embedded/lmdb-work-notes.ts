// The WorkNotes port on LMDB: a table beside those of takedowns, in the environment that outlives the catalog.
import type { WorkNotes } from '../../kernel/ports/work-notes.js';
import { type LmdbEnvironment, readRow, type Table } from './lmdb-environment.js';

export class LmdbWorkNotes implements WorkNotes {
  private readonly notes: Table;

  /** The environment belongs to the caller. */
  constructor(private readonly environment: LmdbEnvironment) {
    this.notes = environment.table('work-notes');
  }

  async read(name: string): Promise<unknown> {
    this.environment.refresh();
    return readRow(this.notes, Buffer.from(name), (bytes): unknown =>
      JSON.parse(bytes.toString('utf8', 0, bytes.length)),
    );
  }

  async write(name: string, value: unknown): Promise<void> {
    await this.environment.write(() => this.notes.putSync(Buffer.from(name), Buffer.from(JSON.stringify(value))));
  }
}
