// The Endpoints port on Redis: one record a context, since every change of an asset looks at all of them.
import type { Context } from '../../../kernel/image-key.js';
import {
  type Endpoint,
  type EndpointBook,
  NO_ENDPOINTS,
  type WantedEndpoint,
  withChangedEndpoint,
  withEndpoint,
  withoutEndpoint,
} from '../../../kernel/library/endpoint.js';
import type { Endpoints } from '../../../kernel/ports/endpoints.js';
import { endpointBookIn } from './endpoint-records.js';
import type { Books, LibraryChanges } from './library-changes.js';
import type { LibraryKeys } from './library-keys.js';
import { recordAt } from './library-reads.js';
import type { Transaction } from './transaction.js';

export class RedisEndpoints implements Endpoints {
  constructor(private readonly changes: LibraryChanges) {}

  async list(context: Context): Promise<readonly Endpoint[]> {
    const { session } = this.changes;
    const book = await recordAt(session, { key: session.keys.endpoints(context) }, endpointBookIn);
    return book?.endpoints ?? [];
  }

  add(context: Context, wanted: WantedEndpoint): Promise<Endpoint | undefined> {
    return this.write(context, (book, now) => withEndpoint(book, wanted, now));
  }

  change(context: Context, id: number, change: Partial<WantedEndpoint>): Promise<Endpoint | undefined> {
    return this.write(context, (book, now) => withChangedEndpoint(book, id, change, now));
  }

  remove(context: Context, id: number): Promise<boolean> {
    return this.changes.commit(async ({ transaction }) => {
      const book = withoutEndpoint(await endpointsOf(transaction, this.keys, context), id);
      if (book) transaction.set({ key: this.keys.endpoints(context) }, book);
      return book !== undefined;
    });
  }

  private write(
    context: Context,
    change: (book: EndpointBook, now: number) => ReturnType<typeof withEndpoint>,
  ): Promise<Endpoint | undefined> {
    return this.changes.commit(async ({ transaction }: Books) => {
      const changed = change(await endpointsOf(transaction, this.keys, context), transaction.now);
      if (changed) transaction.set({ key: this.keys.endpoints(context) }, changed.book);
      return changed?.endpoint;
    });
  }

  private get keys(): LibraryKeys {
    return this.changes.session.keys;
  }
}

/** What the record of a context says; the commit is refused where it changes meanwhile. */
async function endpointsOf(transaction: Transaction, keys: LibraryKeys, context: Context): Promise<EndpointBook> {
  return (await transaction.record({ key: keys.endpoints(context) }, endpointBookIn)) ?? NO_ENDPOINTS;
}
