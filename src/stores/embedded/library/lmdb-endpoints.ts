// The Endpoints port on LMDB: one row a context, since every change of an asset looks at all of them.
import type { Context } from '../../../kernel/image-key.js';
import {
  type Endpoint,
  type EndpointBook,
  type WantedEndpoint,
  withChangedEndpoint,
  withEndpoint,
  withoutEndpoint,
} from '../../../kernel/library/endpoint.js';
import type { Endpoints } from '../../../kernel/ports/endpoints.js';
import { endpointsOf } from './endpoint-rows.js';
import type { LibraryChanges } from './library-changes.js';
import { encodeJson } from './library-rows.js';

export class LmdbEndpoints implements Endpoints {
  constructor(private readonly changes: LibraryChanges) {}

  async list(context: Context): Promise<readonly Endpoint[]> {
    this.changes.refresh();
    return this.book(context).endpoints;
  }

  add(context: Context, wanted: WantedEndpoint): Promise<Endpoint | undefined> {
    return this.changes.write(({ now }) => this.put(context, withEndpoint(this.book(context), wanted, now)));
  }

  change(context: Context, id: number, change: Partial<WantedEndpoint>): Promise<Endpoint | undefined> {
    return this.changes.write(({ now }) => this.put(context, withChangedEndpoint(this.book(context), id, change, now)));
  }

  remove(context: Context, id: number): Promise<boolean> {
    return this.changes.write(() => {
      const book = withoutEndpoint(this.book(context), id);
      if (book) this.write(context, book);
      return book !== undefined;
    });
  }

  private put(context: Context, changed: ReturnType<typeof withEndpoint>): Endpoint | undefined {
    if (changed) this.write(context, changed.book);
    return changed?.endpoint;
  }

  private write(context: Context, book: EndpointBook): void {
    this.changes.tables.endpoints.putSync(this.changes.contextKey(context), encodeJson(book));
  }

  private book(context: Context): EndpointBook {
    return endpointsOf(this.changes.tables, this.changes.contextKey(context));
  }
}
