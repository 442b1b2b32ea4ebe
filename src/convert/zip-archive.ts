// Single entries of a ZIP archive in memory. Everything is bounded: how many entries are looked at, how long one may become.
import type { Entry, ZipFile } from 'yauzl';
import { DamagedSource } from './refused-kind.js';

/** Documents have some hundred, large ones some thousand. */
const MAX_ENTRIES = 20_000;

export class ZipArchive {
  private constructor(
    private readonly zip: ZipFile,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /** Reads the directory. Throws `DamagedSource` for what has none. */
  static async open(bytes: Buffer): Promise<ZipArchive> {
    // By the first document, not by the start of every child.
    const { default: yauzl } = await import('yauzl');
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void =>
        reject(new DamagedSource(error instanceof Error ? error.message : String(error)));
      yauzl.fromBuffer(bytes, { lazyEntries: true }, (error, zip) => {
        if (error) return fail(error);
        const entries = new Map<string, Entry>();
        const finish = (): void => resolve(new ZipArchive(zip, entries));
        zip.on('error', fail);
        zip.on('end', finish);
        zip.on('entry', (entry: Entry) => {
          if (!entries.has(entry.fileName)) entries.set(entry.fileName, entry);
          if (entries.size >= MAX_ENTRIES || zip.entriesRead >= MAX_ENTRIES) finish();
          else zip.readEntry();
        });
        zip.readEntry();
      });
    });
  }

  get names(): IterableIterator<string> {
    return this.entries.keys();
  }

  /** What the entry holds; `undefined` where there is none, or it is longer than `maxBytes` or encrypted. */
  async read(name: string, maxBytes: number): Promise<Buffer | undefined> {
    const entry = this.entries.get(name);
    if (entry === undefined || entry.uncompressedSize > maxBytes || entry.isEncrypted()) return undefined;
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void =>
        reject(new DamagedSource(error instanceof Error ? error.message : String(error)));
      this.zip.openReadStream(entry, (error, stream) => {
        if (error) return fail(error);
        const parts: Buffer[] = [];
        // It ends with an error when it becomes longer than the directory says.
        stream.on('data', (part: Buffer) => parts.push(part));
        stream.on('error', fail);
        stream.on('end', () => resolve(Buffer.concat(parts)));
      });
    });
  }
}
