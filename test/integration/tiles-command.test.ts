// `proofsheet tiles`: a Deep Zoom Image without a server, as files or as one archive, and nothing at all where it fails.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import yauzl from 'yauzl';
import { tileRect, tilesOf } from '../../src/kernel/zoom/pyramid.js';
import { runSync } from '../support/processes.js';
import { pdfOf, quartersPage } from '../support/sources/pdfs.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';
import { NODE } from '../support/tools.js';

const CLI = fileURLToPath(new URL('../../bin/cli.js', import.meta.url));

const SIZE = { widthPx: 1300, heightPx: 700 };

let dir: TempDir;
beforeAll(async () => {
  dir = await tempDir();
  await writeFile(join(dir.path, 'a photo.jpg'), await jpegOf(SIZE.widthPx, SIZE.heightPx));
  await writeFile(join(dir.path, 'pages.pdf'), pdfOf([quartersPage(612, 792), quartersPage(400, 200)]));
  await writeFile(join(dir.path, 'cut.jpg'), (await jpegOf(900, 900)).subarray(0, 2_000));
});
afterAll(() => dir.remove());

const at = (name: string) => join(dir.path, name);
const tiles = (...args: string[]) => {
  const {
    status: code,
    stdout,
    stderr,
  } = runSync(NODE, [CLI, 'tiles', ...args], {
    cwd: dir.path,
    env: { PATH: process.env.PATH ?? '', PROOFSHEET_SOURCE_TYPES: 'jpeg,pdf' },
  });
  return { code, stdout, stderr };
};

describe('tiles', () => {
  it('writes a descriptor and every tile into a new folder', async () => {
    const { code, stdout } = tiles('a photo.jpg', '--out', 'deep/photo');
    expect([code, stdout]).toEqual([0, 'deep/photo: 1300x700, 18 tiles of type jpg\n']);
    const descriptor = await readFile(at('deep/photo/a-photo.dzi'), 'utf8');
    expect(descriptor).toMatch(/Format="jpg" Overlap="0" TileSize="512".*Width="1300" Height="700"/s);
    for (const place of tilesOf(SIZE)) {
      const file = at(`deep/photo/a-photo_files/${place.level}/${place.column}_${place.row}.jpg`);
      const { width, height } = await sharp(file).metadata();
      expect([width, height]).toEqual([tileRect(SIZE, place)?.widthPx, tileRect(SIZE, place)?.heightPx]);
    }
    expect(await readdir(at('deep'))).toEqual(['photo']);
  });

  it('writes the same into one archive that is not compressed', async () => {
    expect(tiles('a photo.jpg', '--out', 'photo.szi').code).toBe(0);
    const entries = await entriesOf(at('photo.szi'));
    expect(entries.size).toBe(19);
    expect(entries.get('a-photo/a-photo.dzi')).toBe(0);
    expect(entries.get('a-photo/a-photo_files/11/2_1.jpg')).toBe(0);
  });

  it('takes a page of a document', async () => {
    const { code, stdout } = tiles('pages.pdf', '--page', '2', '--out', 'second');
    expect([code, stdout]).toEqual([0, 'second: 2048x1024, 20 tiles of type jpg\n']);
    expect(await readdir(at('second'))).toEqual(['pages-2.dzi', 'pages-2_files']);
  });

  it.each([
    { of: 'a file that is not there', args: ['none.jpg', '--out', 'x'], code: 66, says: 'none.jpg' },
    { of: 'a damaged one', args: ['cut.jpg', '--out', 'x'], code: 1, says: 'cut.jpg: ' },
    { of: 'a page too many', args: ['pages.pdf', '--page', '3', '--out', 'x'], code: 64, says: 'which has 2' },
    { of: 'no place', args: ['a photo.jpg'], code: 64, says: '--out DIR' },
    { of: 'a place that is taken', args: ['a photo.jpg', '--out', 'taken'], code: 64, says: 'there already' },
  ])('of $of says so, and leaves nothing', async ({ args, code, says }) => {
    await mkdir(at('taken'), { recursive: true });
    const before = await readdir(dir.path);
    const ended = tiles(...args);
    expect([ended.code, ended.stderr]).toEqual([code, expect.stringContaining(says)]);
    expect(await readdir(dir.path)).toEqual(before);
  });
});

/** How each entry is compressed: 0 is not at all. */
function entriesOf(path: string): Promise<ReadonlyMap<string, number>> {
  return new Promise((resolve, reject) => {
    yauzl.open(path, (error, zip) => {
      if (error) return reject(error);
      const entries = new Map<string, number>();
      zip.on('entry', ({ fileName, compressionMethod }) => entries.set(fileName, compressionMethod));
      zip.on('end', () => resolve(entries));
      zip.on('error', reject);
    });
  });
}
