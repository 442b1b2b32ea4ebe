// Whoever asked for an original and leaves before its first piece leaves no file open.
import { readdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FileOriginals } from '../../../src/stores/embedded/library/file-originals.js';
import { until } from '../../support/gate.js';
import { blobOf } from '../../support/records.js';
import { withTempDir } from '../../support/temp-dir.js';

type Parts = ConstructorParameters<typeof FileOriginals>;

/** How many of our handles lead below the directory. */
async function openBelow(dir: string): Promise<number> {
  const paths = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
  return (await Promise.all(paths)).filter((path) => path.startsWith(dir)).length;
}

it.each([
  ['the whole', 0, 60_000],
  ['a part', 100, 200],
])('%s', (_what, start, end) =>
  withTempDir(async (dir) => {
    const { digest, bytes } = blobOf('an original', 60_000);
    const path = join(dir, 'original');
    await writeFile(path, bytes);
    // Reading needs the place of the files alone.
    const [changes, files, blobs] = [{}, { pathOf: () => path }, {}] as unknown as Parts;
    const originals = new FileOriginals(changes, files, blobs);
    const pieces = await originals.read({ digest, bytes: bytes.length }, start, end);
    expect(await openBelow(dir)).toBe(1);
    await pieces?.[Symbol.asyncIterator]().return?.();
    await until(async () => (await openBelow(dir)) === 0, 'the file is closed');
    // And it is given as ever to whoever stays.
    const read: Uint8Array[] = [];
    for await (const piece of (await originals.read({ digest, bytes: bytes.length }, start, end)) ?? [])
      read.push(piece);
    expect(Buffer.concat(read)).toEqual(bytes.subarray(start, end));
    await until(async () => (await openBelow(dir)) === 0, 'the file is closed');
  }),
);
