// What a child says of a preview is believed as far as it can be seen at once: its length, and where it is.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isAsClaimed } from '../../../src/convert/child-failures.js';
import { digestOf } from '../../../src/kernel/digest.js';
import type { MadePreview } from '../../../src/kernel/ports/converter.js';
import { withTempDir } from '../../support/temp-dir.js';

const BYTES = Buffer.from('a preview');
const PREVIEW: MadePreview = {
  formats: ['jpg:4x3'],
  type: 'jpg',
  widthPx: 4,
  heightPx: 3,
  bytes: BYTES.length,
  digest: digestOf(BYTES),
  path: '',
};

test('bytes of the claimed length are believed, others are not, nor are bytes that are said to be a file as well', () => {
  expect(isAsClaimed('/nowhere', { ...PREVIEW, content: BYTES })).toBe(true);
  expect(isAsClaimed('/nowhere', { ...PREVIEW, content: BYTES.subarray(1) })).toBe(false);
  expect(isAsClaimed('/nowhere', { ...PREVIEW, content: BYTES, path: '/nowhere/0.jpg' })).toBe(false);
});

test('a file of the claimed length in its own directory is believed, none and one elsewhere are not', async () => {
  await withTempDir(async (dir) => {
    const path = join(dir, '0.jpg');
    await writeFile(path, BYTES);
    expect(isAsClaimed(dir, { ...PREVIEW, path })).toBe(true);
    expect(isAsClaimed(dir, { ...PREVIEW, path, bytes: 1 })).toBe(false);
    expect(isAsClaimed(join(dir, 'other'), { ...PREVIEW, path })).toBe(false);
    expect(isAsClaimed(dir, PREVIEW)).toBe(false);
  });
});
