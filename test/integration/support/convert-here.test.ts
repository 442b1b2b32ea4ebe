// A conversion can be looked at: `npm run convert` makes it in its own process, and says what it made and where.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import packageJson from '../../../package.json' with { type: 'json' };
import { run } from '../../support/processes.js';
import { tempDir } from '../../support/temp-dir.js';
import { jpegOf } from '../../support/test-images.js';
import { NODE } from '../../support/tools.js';

const ROOT = new URL('../../../', import.meta.url).pathname;
const [command, program = ''] = packageJson.scripts.convert.split(' ');

function convert(temporary: string, ...args: readonly string[]) {
  const env = { ...process.env, TMPDIR: temporary };
  return run(NODE, ['--import', 'tsx', join(ROOT, program), ...args], { cwd: ROOT, env });
}

test('npm run convert makes the previews that are asked for, with the formats and sizes it says', async () => {
  expect(command).toBe('tsx');
  const dir = await tempDir();
  await writeFile(join(dir.path, 'photo.jpg'), await jpegOf(640, 480));
  const { stdout } = await convert(dir.path, join(dir.path, 'photo.jpg'), '200x200', 'png:64x48');
  const made = [...stdout.matchAll(/^(\S+): (\d+)x(\d+), (\d+) bytes, (\S+)$/gm)];
  expect(made.map(([, format, width, height]) => `${format} ${width}x${height}`)).toEqual([
    'auto:200x200 200x150',
    'png:64x48 64x48',
  ]);
  const outputDir = /previews in (\S+)/.exec(stdout)?.[1] ?? '';
  expect((await readdir(outputDir)).sort()).toEqual(made.map(([, , , , , name = '']) => name).sort());
  for (const [, , width, height, bytes, name = ''] of made) {
    const file = await readFile(join(outputDir, name));
    expect(await sharp(file).metadata()).toMatchObject({ width: Number(width), height: Number(height) });
    expect(file.length).toBe(Number(bytes));
  }
  expect(stdout).toContain('"type": "jpeg"');
  await dir.remove();
});

test('without a source it says what it expects', async () => {
  await expect(convert(tmpdir())).rejects.toMatchObject({ stderr: expect.stringContaining('expected a source file') });
});
