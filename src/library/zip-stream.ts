// Many files as one ZIP, written as it is read: nothing is compressed (pictures are already), so that its length is known before its first
// byte, and nothing of it is ever whole in memory. Large ones are ZIP64. A file that cannot be read breaks it off.
import { Readable } from 'node:stream';
import type { ZipFile } from 'yazl';

export interface ZipEntry {
  /** Unique among the entries; no path. */
  readonly name: string;
  readonly bytes: number;
  /** Unix ms. */
  readonly modifiedAt: number;
  /** Asked when it is its turn. */
  open(): Promise<AsyncIterable<Uint8Array>>;
}

export interface Zip {
  /** Of the whole. */
  readonly bytes: number;
  /** To be read once. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** Reads nothing before its first piece is asked for, and closes what it reads when its reader leaves. */
export async function zipOf(entries: readonly ZipEntry[]): Promise<Zip> {
  const yazl = await import('yazl');
  const zip = new yazl.ZipFile();
  const output = zip.outputStream as Readable;
  for (const { name, bytes, modifiedAt, open } of entries)
    zip.addReadStreamLazy(name, { size: bytes, compress: false, mtime: new Date(modifiedAt) }, (hand) => {
      open().then(
        (pieces) => {
          const stream = Readable.from(pieces, { objectMode: false });
          stream.once('error', (error) => zip.emit('error', error));
          // Whoever reads may leave in the middle, and the package goes on with the file that it reads, or never ends it.
          const leave = () => void stream.destroy();
          if (output.destroyed) return leave();
          output.once('close', leave);
          stream.once('close', () => output.off('close', leave));
          hand(null, stream);
        },
        (error: unknown) => hand(error, new Readable()),
      );
    });
  zip.on('error', (error) => output.destroy(error instanceof Error ? error : new Error(String(error))));
  const bytes = await new Promise<number>((resolve) => endOf(zip)((total) => resolve(total)));
  return { bytes, pieces: output };
}

/** The package tells the length, and its types do not. */
function endOf(zip: ZipFile): (told: (bytes: number) => void) => void {
  const end = zip.end.bind(zip) as unknown as (options: object, told: (bytes: number) => void) => void;
  return (told) => end({}, told);
}

/** The names, each with a number where it has come before: two pictures of one name are two files. */
export function distinctNames(names: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const [, stem = name, extension = ''] = /^(.*?)(\.[^.]{1,8})?$/s.exec(name) ?? [];
    let candidate = name;
    for (let at = 2; taken.has(candidate.toLowerCase()); at++) candidate = `${stem} (${at})${extension}`;
    taken.add(candidate.toLowerCase());
    return candidate;
  });
}
