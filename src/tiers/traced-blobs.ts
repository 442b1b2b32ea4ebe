// A tier of blobs with a span around whatever is asked of it: which tier, what it came to, how many bytes; never which blob.
// Nothing is to be had of it at once: a span is told by whom it was asked for.
import type { Digest } from '../kernel/digest.js';
import type { BlobKind, BlobStore, TierName } from '../kernel/ports/blobs.js';
import type { Traces } from '../kernel/ports/traces.js';
import { NOTHING } from '../kernel/takedown/order.js';
import type { Slice } from '../kernel/zoom/pyramid-index.js';

export class TracedBlobs implements BlobStore {
  readonly tier: TierName;
  readonly prepareFile?: (path: string) => Promise<void>;
  readonly dropCopies?: NonNullable<BlobStore['dropCopies']>;

  constructor(
    private readonly store: BlobStore,
    private readonly traces: Pick<Traces, 'within'>,
  ) {
    this.tier = store.tier;
    if (store.dropCopies) this.dropCopies = (digests) => store.dropCopies?.(digests) ?? Promise.resolve(NOTHING);
    if (store.prepareFile) this.prepareFile = (path) => store.prepareFile?.(path) ?? Promise.resolve();
  }

  get(digest: Digest): Promise<Buffer | undefined> {
    return this.reading('blob get', () => this.store.get(digest));
  }

  slice(slice: Slice): Promise<Buffer | undefined> {
    return this.reading('blob slice', () => this.store.slice(slice));
  }

  put(digest: Digest, bytes: Buffer, kind: BlobKind): Promise<void> {
    const facts = { 'proofsheet.blob.kind': kind, 'proofsheet.blob.bytes': bytes.length };
    return this.asking('blob put', () => this.store.put(digest, bytes, kind), facts);
  }

  putFile(digest: Digest, path: string, kind: BlobKind, hashed?: boolean): Promise<void> {
    const facts = { 'proofsheet.blob.kind': kind };
    return this.asking('blob put', () => this.store.putFile(digest, path, kind, hashed), facts);
  }

  copyTo(digest: Digest, path: string): Promise<boolean> {
    return this.asking('blob copy', () => this.store.copyTo(digest, path));
  }

  has(digest: Digest): Promise<boolean> {
    return this.store.has(digest);
  }

  delete(digest: Digest): Promise<void> {
    return this.store.delete(digest);
  }

  close(): Promise<void> {
    return this.store.close();
  }

  private reading(name: string, read: () => Promise<Buffer | undefined>): Promise<Buffer | undefined> {
    return this.traces.within(
      name,
      async (span) => {
        const bytes = await read();
        span.note({ 'proofsheet.tier.hit': bytes !== undefined, 'proofsheet.blob.bytes': bytes?.length });
        return bytes;
      },
      { facts: { 'proofsheet.tier': this.tier } },
    );
  }

  private asking<T>(
    name: string,
    ask: () => Promise<T>,
    facts: Readonly<Record<string, string | number>> = {},
  ): Promise<T> {
    return this.traces.within(name, ask, { facts: { 'proofsheet.tier': this.tier, ...facts } });
  }
}
