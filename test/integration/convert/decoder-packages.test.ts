// Decoders of their own: not a byte of one is read until a source of its type comes, and one that is missing is named.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { decoderPackage } from '../../../src/convert/decoder-packages.js';
import { ENCODED, photo } from '../../support/images.js';
import { run } from '../../support/processes.js';
import { bmpOf } from '../../support/sources/bitmaps.js';
import { pdfOf, quartersPage } from '../../support/sources/pdfs.js';
import { tempDir } from '../../support/temp-dir.js';
import { NODE, requireTool } from '../../support/tools.js';

const PROGRAM = fileURLToPath(new URL('../../support/children/convert-once.mjs', import.meta.url));
const { optionalDependencies } = JSON.parse(
  await readFile(new URL('../../../package.json', import.meta.url), 'utf8'),
) as { readonly optionalDependencies: Readonly<Record<string, string>> };
const PACKAGES = Object.keys(optionalDependencies);

/** The optional packages of which something is opened while `sources` are converted. */
async function opened(...sources: readonly Buffer[]): Promise<readonly string[]> {
  const dir = await tempDir();
  try {
    const paths = sources.map((_, index) => join(dir.path, `source-${index}`));
    for (const [index, source] of sources.entries()) await writeFile(paths[index] ?? '', source);
    const log = join(dir.path, 'log');
    const env = { ...process.env, TMPDIR: dir.path };
    await run(await requireTool('strace'), ['-f', '-qq', '-e', 'trace=openat', '-o', log, NODE, PROGRAM, ...paths], {
      env,
    });
    const text = await readFile(log, 'utf8');
    return PACKAGES.filter((name) => text.includes(`/node_modules/${name}/`));
  } finally {
    await dir.remove();
  }
}

test('types that need no package open none; a PDF opens its own and no other', { timeout: 120_000 }, async () => {
  const png = await ENCODED.png(await photo(32, 24));
  expect(PACKAGES.length).toBeGreaterThan(2);
  expect(await opened(png, bmpOf(8, 8))).toEqual([]);
  expect(await opened(png, pdfOf([quartersPage(9, 9)]))).toEqual(['@hyzyla/pdfium']);
});

test('a package that is not installed is named, and looked for again the next time', async () => {
  const missing = () =>
    Promise.reject(
      Object.assign(new Error(`Cannot find package 'no-such' imported from x`), { code: 'ERR_MODULE_NOT_FOUND' }),
    );
  await expect(decoderPackage('no-such', 'HEIC', missing)).rejects.toMatchObject({
    code: 'source-type-refused',
    message: expect.stringContaining('got HEIC; the package no-such is missing on this server'),
  });
  expect(await decoderPackage('no-such', 'HEIC', async () => 7)).toBe(7);
});

test('what a package fails with is not taken for its absence', async () => {
  const broken = () => Promise.reject(new Error('no-such does not start'));
  await expect(decoderPackage('broken', 'HEIC', broken)).rejects.toThrow('does not start');
});
