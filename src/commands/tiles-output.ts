// The tiles of a finished pyramid as files of a Deep Zoom Image: in a folder, or in one archive that is not compressed (SZI). Each is
// checked against the index as it is read.
import { createWriteStream, existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { descriptorText } from '../http/dialects/deep-zoom.js';
import { digestOf } from '../kernel/digest.js';
import type { Size } from '../kernel/sizes.js';
import { type TileType, tilesOf } from '../kernel/zoom/pyramid.js';
import { indexSliceOf, type Pyramid, PyramidIndex } from '../kernel/zoom/pyramid-index.js';
import { zipOf } from '../library/zip-stream.js';

export interface TileFile {
  /** Below the picture's own place, with slashes. */
  readonly name: string;
  readonly bytes: number;
  read(): Promise<Buffer>;
}

/** The descriptor and all tiles of the pyramid in `file`. Throws where its index is not that of this picture. */
export async function tileFilesOf(
  file: FileHandle,
  pyramid: Pyramid,
  size: Size,
  type: TileType,
  name: string,
): Promise<readonly TileFile[]> {
  const { start, bytes } = indexSliceOf(size, pyramid);
  const index = PyramidIndex.parse(size, pyramid, await readAt(file, start, bytes));
  if (index === undefined) throw new Error('expected the index of this picture, got another');
  const descriptor = Buffer.from(descriptorText(size, type));
  const tiles = [...tilesOf(size)].map((place): TileFile => {
    const slice = index.sliceOf(place);
    if (slice === undefined) throw new Error('expected every tile in the index');
    return {
      name: `${name}_files/${place.level}/${place.column}_${place.row}.${type}`,
      bytes: slice.bytes,
      async read() {
        const tile = await readAt(file, slice.start, slice.bytes);
        if (digestOf(tile) !== slice.digest) throw new Error('expected the tile that was made, got other bytes');
        return tile;
      },
    };
  });
  return [{ name: `${name}.dzi`, bytes: descriptor.length, read: async () => descriptor }, ...tiles];
}

/** `dir` is new. */
export async function writeFolder(files: readonly TileFile[], dir: string, onFile: () => void): Promise<void> {
  const made = new Set<string>();
  for (const { name, read } of files) {
    const path = join(dir, name);
    const parent = dirname(path);
    if (!made.has(parent)) await mkdir(parent, { recursive: true });
    made.add(parent);
    await writeFile(path, await read(), { flag: 'wx' });
    onFile();
  }
}

/** As SZI has it: everything below one folder of the picture's name. */
export async function writeArchive(
  files: readonly TileFile[],
  path: string,
  folder: string,
  onFile: () => void,
): Promise<void> {
  const modifiedAt = Date.now();
  const entries = files.map(({ name, bytes, read }) => ({
    name: `${folder}/${name}`,
    bytes,
    modifiedAt,
    async open() {
      const piece = await read();
      onFile();
      return piecesOf(piece);
    },
  }));
  const { pieces } = await zipOf(entries);
  await pipeline(pieces, createWriteStream(path, { flags: 'wx' }));
}

async function* piecesOf(piece: Buffer): AsyncGenerator<Uint8Array> {
  yield piece;
}

async function readAt(file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes);
  for (let read = 0; read < bytes; ) {
    const { bytesRead } = await file.read(buffer, read, bytes - read, at + read);
    if (bytesRead === 0) throw new Error('expected a file that is complete');
    read += bytesRead;
  }
  return buffer;
}

/** What an entry of a ZIP begins with (APPNOTE 4.3.7). */
const ENTRY = Buffer.from('PK\x03\x04', 'latin1');
const PIECE_BYTES = 4 * 1024 * 1024;

/** How many tiles a converter has written so far into the archive that grows below `dir`. */
export class GrowingArchive {
  private path: string | undefined;
  private at = 0;
  private entries = 0;

  constructor(private readonly dir: string) {}

  async count(): Promise<number> {
    this.path ??= await this.find();
    if (this.path === undefined) return 0;
    // Gone, once the converter has read it.
    const file = await open(this.path).catch(() => undefined);
    if (file === undefined) return this.entries;
    try {
      const piece = Buffer.allocUnsafe(PIECE_BYTES);
      for (;;) {
        const { bytesRead } = await file.read(piece, 0, piece.length, this.at);
        if (bytesRead < ENTRY.length) return this.entries;
        const read = piece.subarray(0, bytesRead);
        for (let found = read.indexOf(ENTRY); found >= 0; found = read.indexOf(ENTRY, found + 1)) this.entries++;
        // One that lies across two pieces is counted in the second.
        this.at += bytesRead - (ENTRY.length - 1);
      }
    } finally {
      await file.close();
    }
  }

  private async find(): Promise<string | undefined> {
    const names = await readdir(this.dir).catch(() => []);
    // Each task has a directory of its own; one of them has the archive.
    const paths = names.filter((of) => of.startsWith('conversion-')).map((name) => join(this.dir, name, 'tiles.zip'));
    return paths.find((path) => existsSync(path));
  }
}
