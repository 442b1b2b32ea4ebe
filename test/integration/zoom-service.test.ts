// Zooming over the real store, with real converter children: made once, kept as one blob, counted, healed, and refused by name.
import { open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Digest, digestOf } from '../../src/kernel/digest.js';
import type { Converter } from '../../src/kernel/ports/converter.js';
import type { Derivatives } from '../../src/kernel/ports/derivatives.js';
import type { Size } from '../../src/kernel/sizes.js';
import { type ImageRequestText, resolveImageRequest } from '../../src/kernel/zoom/image-request.js';
import { maxLevelOf, tileRect } from '../../src/kernel/zoom/pyramid.js';
import type { PicturePart, PreviewChoice, Upload } from '../../src/previews/answers.js';
import type { Zoom } from '../../src/previews/zoom/answers.js';
import { openZoom, type ZoomParts } from '../../src/previews/zoom/open-zoom.js';
import { LmdbDerivatives } from '../../src/stores/embedded/lmdb-derivatives.js';
import { Converting } from '../support/converting.js';
import { FakeClock } from '../support/fake-clock.js';
import { FakeLogger } from '../support/fake-logger.js';
import { FakeMetrics } from '../support/fake-metrics.js';
import { imageDirectory, tiffOf } from '../support/hostile/tiff.js';
import { openPreviewBench, type PreviewBench } from '../support/preview-bench.js';
import { groupRef } from '../support/records.js';
import { pdfOf, quartersPage } from '../support/sources/pdfs.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';

const SIZE: Size = { widthPx: 1400, heightPx: 900 };
const PHOTO = groupRef('photo', '');
const LIMITS = { maxSidePx: 4_096, maxAreaPx: 2 ** 24 };

let dir: TempDir;
let converting: Converting;
let bench: PreviewBench;
let zoom: Zoom;
/** Pictures on demand, where a test has such. */
let kept: Derivatives | undefined;

const photo = () => jpegOf(SIZE.widthPx, SIZE.heightPx);

async function start(
  options: { waitMs?: number; keepSource?: boolean; formats?: readonly string[]; derivatives?: Derivatives } = {},
): Promise<void> {
  bench = await openPreviewBench({
    dataDir: dir.path,
    converter: converting.pool,
    keepSource: options.keepSource ?? true,
    // None that shows a tile as well as the pyramid does.
    formats: options.formats ?? ['auto:200x150~cover'],
    ...(options.derivatives && { derivatives: options.derivatives }),
  });
  kept = options.derivatives;
  zoom = zoomOver(options.waitMs ?? 60_000);
}

function zoomOver(waitMs: number, others: Partial<Pick<ZoomParts, 'copyOriginal' | 'pyramids'>> = {}): Zoom {
  const { catalog, tmpDir, tiered: blobs, opened, clock, metrics } = bench;
  const store = { catalog, tmpDir, ...(kept && { derivatives: kept }) };
  const converter = converting.pool;
  const parts = {
    store,
    blobs,
    converter,
    pyramids: converter,
    opened,
    clock,
    metrics,
    ...others,
  };
  return openZoom(parts, { waitMs, leaseTtlMs: 5_000 });
}

async function upload(bytes: Buffer, name = 'upload'): Promise<Upload> {
  const path = join(dir.path, name);
  await writeFile(path, bytes);
  return { path, digest: digestOf(bytes), bytes: bytes.length };
}

async function cached(bytes: Buffer): Promise<void> {
  await bench.service.cache(PHOTO, await upload(bytes));
}

const grey = (widthPx: number, heightPx: number, value: number) =>
  imageDirectory({ widthPx, heightPx, pixels: Buffer.alloc(widthPx * heightPx, value) });
const made = () => converting.metrics.counted.filter(({ name }) => name === 'conversions_total').length;
const top = { level: maxLevelOf(SIZE), column: 2, row: 1 };

beforeEach(async () => {
  dir = await tempDir();
  converting = await Converting.start({ sourceTypes: ['jpeg', 'png', 'tiff', 'pdf'] });
});
afterEach(async () => {
  await bench.close();
  await converting.close();
  await dir.remove();
});

describe('a tile', () => {
  it('is cut at the first one that is asked for, and never again', async () => {
    await start();
    await cached(await photo());
    const before = made();
    const choices = await Promise.all([0, 1, 2].map((column) => zoom.tile(PHOTO, { ...top, column })));
    expect(made()).toBe(before + 1);
    for (const choice of choices) {
      const { bytes } = await bench.service.read(choice);
      expect(digestOf(bytes)).toBe(choice.preview.digest);
      const { width, height, format } = await sharp(bytes).metadata();
      expect([width, height, format]).toEqual([choice.preview.widthPx, choice.preview.heightPx, 'jpeg']);
    }
    expect(choices[2]?.preview).toMatchObject({ widthPx: 1400 - 1024, heightPx: 900 - 512 });
    const { source } = (await zoom.picture(PHOTO)).entry;
    expect(source.pyramid?.bytes).toBeGreaterThan(0);
    await zoom.tile(PHOTO, { level: 0, column: 0, row: 0 });
    expect(made()).toBe(before + 1);
  });

  it('is counted with the previews, goes with them, and leaves no file behind', async () => {
    await start();
    await cached(await photo());
    const { previewBytes } = await bench.catalog.usage();
    await zoom.tile(PHOTO, top);
    const { pyramid } = (await zoom.picture(PHOTO)).entry.source;
    expect((await bench.catalog.usage()).previewBytes).toBe(previewBytes + (pyramid?.bytes ?? 0));
    expect((await readdir(bench.tmpDir)).filter((name) => /pyramid|region/.test(name))).toEqual([]);
    await bench.service.clear({});
    expect(await bench.catalog.sweep(1_000)).toContain(pyramid?.digest);
  });

  it('that there is not, is told so without making anything', async () => {
    await start();
    await cached(await photo());
    const before = made();
    await expect(zoom.tile(PHOTO, { ...top, column: 3 })).rejects.toMatchObject({ code: 'unknown-image-key' });
    await expect(zoom.tile(groupRef('absent', ''), top)).rejects.toMatchObject({ code: 'unknown-image-key' });
    expect(made()).toBe(before);
  });

  it('of a type that it is not, is told so without making anything', async () => {
    await start();
    await cached(await photo());
    const before = made();
    await expect(zoom.tile(PHOTO, top, 'png')).rejects.toMatchObject({ code: 'unknown-image-key' });
    expect(made()).toBe(before);
    expect((await zoom.tile(PHOTO, top, 'jpg')).preview.type).toBe('jpg');
  });

  it('that takes longer than a client waits is refused for now, and is there later', async () => {
    await start({ waitMs: 0 });
    await cached(await photo());
    await expect(zoom.tile(PHOTO, top)).rejects.toMatchObject({ code: 'overloaded', retryAfterSeconds: 5 });
    await bench.background.drain(60_000);
    expect((await zoom.tile(PHOTO, top)).preview.type).toBe('jpg');
  });

  it('whose bytes are damaged is never sent: the pyramid is made again', async () => {
    await start();
    await cached(await photo());
    const choice = await zoom.tile(PHOTO, top);
    await damage(choice.part?.slice?.of, choice.part?.slice?.start ?? 0);
    const before = made();
    const { bytes } = await bench.service.read(choice);
    expect(digestOf(bytes)).toBe(choice.preview.digest);
    expect(made()).toBe(before + 1);
  });

  it('of a picture whose source is gone, and that has no pyramid, is told so', async () => {
    await start({ keepSource: false });
    await cached(await photo());
    await expect(zoom.tile(PHOTO, top)).rejects.toMatchObject({ code: 'unknown-image-key' });
  });

  it('of an asset whose source the cache does not keep is made of the original', async () => {
    await start({ keepSource: false });
    const bytes = await photo();
    await cached(bytes);
    const asked: Digest[] = [];
    zoom = zoomOver(60_000, {
      copyOriginal: async (digest, path) => {
        asked.push(digest);
        await writeFile(path, bytes);
        return true;
      },
    });
    await zoom.prepare(PHOTO, new AbortController().signal);
    expect(asked).toEqual([digestOf(bytes)]);
    const before = made();
    expect((await zoom.tile(PHOTO, top)).preview.type).toBe('jpg');
    expect(made()).toBe(before);
  });

  it('of a picture with alpha is a PNG', async () => {
    await start();
    const half = { r: 200, g: 0, b: 0, alpha: 0.5 };
    await cached(
      await sharp({ create: { width: 600, height: 400, channels: 4, background: half } })
        .png()
        .toBuffer(),
    );
    expect((await zoom.picture(PHOTO)).tileType).toBe('png');
    expect((await zoom.tile(PHOTO, { level: 10, column: 0, row: 0 })).preview).toMatchObject({ type: 'png' });
  });
});

describe('a tile that is being made', () => {
  const whole = { level: maxLevelOf(SIZE) - 2, column: 0, row: 0 };
  /** Pyramids that are never done, until they are given up. */
  const stuck: Converter = {
    convert: (_job, _onWanted, signal) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    distrust: () => undefined,
    close: async () => undefined,
  };

  it('is shown by a preview meanwhile, which nobody keeps; one that no preview shows as well is waited for', async () => {
    await start({ formats: ['auto:800x800', 'auto:200x150~cover'] });
    const bytes = await photo();
    await cached(bytes);
    zoom = zoomOver(1_000, { pyramids: stuck });
    const early = await zoom.tile(PHOTO, whole);
    expect(early.part?.isPassing).toBe(true);
    const read = await bench.service.read(early);
    const size = { widthPx: 350, heightPx: 225 };
    expect(early.preview).toMatchObject({ type: 'jpg', ...size, digest: digestOf(read.bytes) });
    const shown = await sharp(read.bytes).raw().toBuffer();
    const wanted = await sharp(bytes)
      .resize(size.widthPx, size.heightPx, { fit: 'fill' })
      .removeAlpha()
      .raw()
      .toBuffer();
    const off = shown.reduce((sum, value, at) => sum + Math.abs(value - (wanted[at] ?? 0)), 0) / shown.length;
    expect(off).toBeLessThan(6);
    await expect(zoom.tile(PHOTO, top)).rejects.toMatchObject({ code: 'overloaded', retryAfterSeconds: 5 });
  });

  it("is the pyramid's own once that is made", async () => {
    await start({ formats: ['auto:800x800'] });
    await cached(await photo());
    await zoom.prepare(PHOTO, new AbortController().signal);
    expect((await zoom.tile(PHOTO, whole)).part).toMatchObject({ slice: { start: expect.any(Number) } });
  });
});

describe('pages', () => {
  const onPage = (page: number) => ({ ...PHOTO, page });

  it.each([
    { of: 'a PDF', file: () => pdfOf([quartersPage(612, 792), quartersPage(400, 200), quartersPage(300, 300)]) },
    { of: 'a TIFF', file: () => tiffOf([grey(1300, 700, 10), grey(600, 900, 120), grey(20, 20, 240)]) },
  ])('of $of are zoomed into one by one, each with a pyramid of its own', async ({ file }) => {
    await start();
    await cached(file());
    const pages = await zoom.pages(PHOTO);
    expect(pages.map(({ page }) => page)).toEqual([1, 2, 3]);
    expect(await zoom.picture(onPage(2))).toMatchObject({ page: 2, pages: 3, size: pages[1]?.size });
    for (const [index, { size }] of pages.entries()) {
      const level = maxLevelOf(size);
      const choice = await zoom.tile(onPage(index + 1), { level, column: 0, row: 0 });
      const { bytes } = await bench.service.read(choice);
      const { width, height } = await sharp(bytes).metadata();
      expect([width, height]).toEqual([Math.min(512, size.widthPx), Math.min(512, size.heightPx)]);
    }
    const { source } = (await zoom.picture(PHOTO)).entry;
    expect(source.pagePyramids?.map(({ page }) => page)).toEqual([2, 3]);
    const before = made();
    await zoom.tile(onPage(3), { level: 0, column: 0, row: 0 });
    expect(made()).toBe(before);
    await expect(zoom.picture(onPage(4))).rejects.toMatchObject({ code: 'unknown-image-key' });
  });

  it('of what has one are one', async () => {
    await start();
    await cached(await photo());
    expect(await zoom.pages(PHOTO)).toMatchObject([{ page: 1, pages: 1, size: SIZE }]);
    await expect(zoom.picture(onPage(2))).rejects.toMatchObject({ code: 'unknown-image-key' });
  });
});

describe('a region', () => {
  const ask = (path: string) => {
    const [region = '', size = '', rotation = '', last = ''] = path.split('/');
    const [quality = '', format = ''] = last.split('.');
    const text: ImageRequestText = { region, size, rotation, quality, format };
    return zoom.region(PHOTO, (picture) => resolveImageRequest(3, picture, text, LIMITS));
  };

  it('that a tile shows is that tile', async () => {
    await start();
    await cached(await photo());
    const tile = await zoom.tile(PHOTO, top);
    const rect = tileRect(SIZE, top);
    const asked = `1024,512,${rect?.widthPx},${rect?.heightPx}/max/0/default.jpg`;
    expect((await ask(asked)).preview).toEqual(tile.preview);
    expect((await ask('0,0,1024,900/512,450/0/default.jpg')).part?.slice).toBeDefined();
  });

  it('that none does is drawn once for all who ask, and then found in memory', async () => {
    await start();
    await cached(await photo());
    await zoom.tile(PHOTO, top);
    const before = made();
    const both = await Promise.all([
      ask('100,100,700,500/350,/!90/gray.png'),
      ask('100,100,700,500/350,/!90/gray.png'),
    ]);
    expect(made()).toBe(before + 1);
    expect(both[0]?.preview).toEqual(both[1]?.preview);
    const again = await ask('100,100,700,500/350,250/!90/gray.png');
    const { bytes, from } = await bench.service.read(again);
    expect([from, made()]).toEqual(['memory', before + 1]);
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 250, height: 350, format: 'png' });
  });

  it('that is made again after the picture became a smaller one is of that picture, or a fault of the request', async () => {
    await start();
    await cached(await photo());
    const gray = await ask('full/max/0/gray.jpg');
    const far = await ask('1200,800,100,100/50,/0/default.webp');
    await cached(await jpegOf(300, 200));
    for (const choice of [gray, far]) bench.tiered.forget(choice.preview.digest);
    const { bytes } = await bench.service.read({ ...gray, part: { again: partOf(gray).again } });
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 300, height: 200 });
    const lost = bench.service.read({ ...far, part: { again: partOf(far).again } });
    await expect(lost).rejects.toMatchObject({ code: 'invalid-request-format' });
  });

  it('is found with the pictures on demand by a server that never drew it', async () => {
    const telling = { clock: new FakeClock(), logger: new FakeLogger(), metrics: new FakeMetrics() };
    const derivatives = LmdbDerivatives.open({ ...telling, dataDir: join(dir.path, 'kept'), tmpDir: dir.path });
    await start({ derivatives });
    await cached(await photo());
    const first = await ask('100,100,700,500/350,/0/default.webp');
    // It is kept behind its answer.
    while (bench.background.size > 0) await new Promise((resolve) => setImmediate(resolve));
    zoom = zoomOver(60_000);
    bench.tiered.forget(first.preview.digest);
    const before = made();
    const again = await ask('100,100,700,500/350,/0/default.webp');
    expect([again.preview, made()]).toEqual([first.preview, before]);
    expect((await bench.service.read(again)).from).toBe('disk');
    await derivatives.close();
  });

  it('whose bytes memory has lost is drawn again', async () => {
    await start();
    await cached(await photo());
    const first = await ask('100,100,700,500/350,/0/default.webp');
    bench.tiered.forget(first.preview.digest);
    const before = made();
    const { bytes } = await bench.service.read(await ask('100,100,700,500/350,/0/default.webp'));
    expect(digestOf(bytes)).toBe(first.preview.digest);
    expect(made()).toBe(before + 1);
  });
});

async function damage(digest: Digest | undefined, at: number): Promise<void> {
  const name = digest ?? '';
  const file = await open(join(dir.path, 'blobs', name.slice(0, 2), name.slice(2, 4), name), 'r+');
  await file.write(Buffer.from([0xff, 0x00, 0xff, 0x00]), 0, 4, at + 10);
  await file.close();
}

function partOf({ part }: PreviewChoice): PicturePart {
  if (part === undefined) throw new Error('expected a part of the picture');
  return part;
}
