// Sources that other people's programs write: those whose encoders sharp does not have.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../processes.js';
import { tempDir } from '../temp-dir.js';
import { requireTool, type ToolName } from '../tools.js';

/** What `tool` makes of `input`: its arguments name both files. */
async function made(
  tool: ToolName,
  input: Buffer,
  [inputName, outputName]: readonly [string, string],
  args: (input: string, output: string) => readonly string[],
): Promise<Buffer> {
  const dir = await tempDir();
  try {
    const [from, to] = [join(dir.path, inputName), join(dir.path, outputName)];
    await writeFile(from, input);
    await run(await requireTool(tool), args(from, to));
    return await readFile(to);
  } finally {
    await dir.remove();
  }
}

/** `png` as HEIC; `args` are heif-enc's. */
export function heicOf(png: Buffer, ...args: readonly string[]): Promise<Buffer> {
  return made('heif-enc', png, ['a.png', 'a.heic'], (from, to) => ['-q', '90', ...args, '-o', to, from]);
}

/** `png` as JPEG XL. */
export function jxlOf(png: Buffer, ...args: readonly string[]): Promise<Buffer> {
  return made('cjxl', png, ['a.png', 'a.jxl'], (from, to) => [from, to, ...args]);
}

/** `png` as JPEG 2000: `jp2` in boxes, `j2k` the code stream alone. */
export function jp2Of(png: Buffer, type: 'jp2' | 'j2k', ...args: readonly string[]): Promise<Buffer> {
  return made('opj_compress', png, ['a.png', `a.${type}`], (from, to) => ['-i', from, '-o', to, ...args]);
}

/** `pdf` so that it opens with `userPassword` alone. */
export function encryptedPdf(pdf: Buffer, userPassword: string): Promise<Buffer> {
  return made('qpdf', pdf, ['a.pdf', 'b.pdf'], (from, to) => [
    '--encrypt',
    userPassword,
    'owner',
    '256',
    '--',
    from,
    to,
  ]);
}
