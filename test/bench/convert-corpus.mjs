// The pictures that conversion is measured on: what phones, cameras, scanners and screens deliver. Made, not taken.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'vite';

/** The test pictures' own module is TypeScript: it is translated on the way in, by the test runner's bundler. */
async function testImages() {
  const outDir = await mkdtemp(join(tmpdir(), 'convert-corpus-'));
  try {
    await build({
      configFile: false,
      logLevel: 'error',
      build: {
        outDir,
        ssr: new URL('../support/images.ts', import.meta.url).pathname,
        rollupOptions: { external: ['sharp'], output: { format: 'es', entryFileNames: 'images.mjs' } },
      },
    });
    const path = join(outDir, 'images.mjs');
    // Outside the package nothing called "sharp" is found.
    await writeFile(
      path,
      (await readFile(path, 'utf8')).replace(
        /from\s*["']sharp["']/,
        `from ${JSON.stringify(import.meta.resolve('sharp'))}`,
      ),
    );
    return await import(pathToFileURL(path).href);
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

/** Name, bytes and whether transparency is used of each picture. */
export async function corpus() {
  const { cutOut, image, photo, screenshot } = await testImages();
  const twelve = await photo(4000, 3000, 3);
  return [
    {
      name: '24 MP JPEG',
      alphaUsed: false,
      bytes: await image(await photo(6000, 4000, 1))
        .jpeg({ quality: 90 })
        .toBuffer(),
    },
    { name: '12 MP JPEG', alphaUsed: false, bytes: await image(twelve).jpeg({ quality: 90 }).toBuffer() },
    {
      name: '4K PNG photo',
      alphaUsed: false,
      bytes: await image(await photo(3840, 2160, 5))
        .png({ compressionLevel: 6 })
        .toBuffer(),
    },
    { name: '2560x1440 screenshot', alphaUsed: false, bytes: await image(screenshot(2560, 1440)).png().toBuffer() },
    {
      name: 'PNG with alpha',
      alphaUsed: true,
      bytes: await image(cutOut(await photo(2400, 1600, 9)))
        .png()
        .toBuffer(),
    },
    { name: '12 MP WebP', alphaUsed: false, bytes: await image(twelve).webp({ quality: 85, effort: 2 }).toBuffer() },
    { name: '12 MP TIFF', alphaUsed: false, bytes: await image(twelve).tiff({ compression: 'lzw' }).toBuffer() },
  ];
}
