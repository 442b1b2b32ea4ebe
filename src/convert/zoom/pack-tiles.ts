// From the archive that libvips writes to the blob of a pyramid: the tiles in the order of their numbers, and the index.
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import type { Entry } from 'yauzl';
import { type Digest, digestOf } from '../../kernel/digest.js';
import type { Size } from '../../kernel/sizes.js';
import { type TileType, tileCountOf, tileNumberOf, tileRect, tilesOf } from '../../kernel/zoom/pyramid.js';
import { encodeIndex, type MadeTile } from '../../kernel/zoom/pyramid-index.js';

export interface Packed {
  readonly bytes: number;
  readonly digest: Digest;
  readonly indexDigest: Digest;
}

/** Where an entry's bytes lie. */
interface Place {
  readonly headerAt: number;
  readonly bytes: number;
}

/** Length of a ZIP entry's header without its name and what follows that (APPNOTE 4.3.7). */
const LOCAL_HEADER_BYTES = 30;
/** Tiles are written in pieces of this size at least. */
const WRITE_BYTES = 4 * 1024 * 1024;

/** Writes the pyramid of `archive` to the new file at `path`. Throws where the archive has not every tile. */
export async function packTiles(
  archive: string,
  path: string,
  size: Size,
  type: TileType,
  flush: boolean,
): Promise<Packed> {
  const places = await placesIn(archive, size);
  const from = openSync(archive, 'r');
  const to = openSync(path, 'wx', 0o600);
  try {
    const whole = new HashedFile(to);
    const tiles: MadeTile[] = [];
    for (const place of tilesOf(size)) {
      const found = places[tileNumberOf(size, place)];
      if (found === undefined) throw new Error(`expected a tile at level ${place.level}, got none`);
      const bytes = entryAt(from, found);
      tiles.push({ bytes: bytes.length, digest: digestOf(bytes) });
      whole.write(bytes);
    }
    const index = encodeIndex(size, type, tiles);
    whole.write(index);
    const { bytes, digest } = whole.end();
    if (flush) fsyncSync(to);
    return { bytes, digest, indexDigest: digestOf(index) };
  } finally {
    closeSync(from);
    closeSync(to);
  }
}

/** Hashes what it writes, and writes it in large pieces. */
class HashedFile {
  private readonly hash = createHash('sha256');
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private bytes = 0;

  constructor(private readonly file: number) {}

  write(bytes: Buffer): void {
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    if (this.waitingBytes >= WRITE_BYTES) this.flush();
  }

  end(): { readonly bytes: number; readonly digest: Digest } {
    this.flush();
    // SHA-256 in lower-case hex is what a digest is.
    return { bytes: this.bytes, digest: this.hash.digest('hex') as Digest };
  }

  private flush(): void {
    const piece = Buffer.concat(this.waiting, this.waitingBytes);
    this.hash.update(piece);
    for (let at = 0; at < piece.length; ) at += writeSync(this.file, piece, at);
    this.bytes += piece.length;
    this.waiting = [];
    this.waitingBytes = 0;
  }
}

function entryAt(file: number, { headerAt, bytes }: Place): Buffer {
  const header = readAt(file, headerAt, LOCAL_HEADER_BYTES);
  const startsAt = headerAt + LOCAL_HEADER_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
  return readAt(file, startsAt, bytes);
}

function readAt(file: number, at: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  for (let read = 0; read < bytes; ) {
    const more = readSync(file, buffer, read, bytes - read, at + read);
    if (more === 0) throw new Error('expected an archive that is complete');
    read += more;
  }
  return buffer;
}

/** Tiles by their numbers. */
async function placesIn(archive: string, size: Size): Promise<readonly (Place | undefined)[]> {
  // By the first pyramid, not by the start of every child.
  const { default: yauzl } = await import('yauzl');
  return new Promise((resolve, reject) => {
    yauzl.open(archive, { lazyEntries: true, autoClose: true }, (error, zip) => {
      if (error) return reject(error);
      const places: (Place | undefined)[] = Array.from({ length: tileCountOf(size) });
      zip.on('error', reject);
      zip.on('end', () => resolve(places));
      zip.on('entry', ({ fileName, compressionMethod, relativeOffsetOfLocalHeader, compressedSize }: Entry) => {
        const [, level, column, row] = (/\/(\d+)\/(\d+)_(\d+)\.\w+$/.exec(fileName) ?? []).map(Number);
        const place = { level: level ?? -1, column: column ?? -1, row: row ?? -1 };
        // Only stored entries are the tiles themselves.
        if (compressionMethod === 0 && tileRect(size, place) !== undefined)
          places[tileNumberOf(size, place)] = { headerAt: relativeOffsetOfLocalHeader, bytes: compressedSize };
        zip.readEntry();
      });
      zip.readEntry();
    });
  });
}
