// Zooming over the real store, with real converter children: made once, kept as one blob, counted, healed, and refused by name.
import { open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Digest, digestOf } from '../../src/kernel/digest.js';
import type { Size } from '../../src/kernel/sizes.js';
import { type ImageRequestText, resolveImageRequest } from '../../src/kernel/zoom/image-request.js';
import { maxLevelOf, tileRect } from '../../src/kernel/zoom/pyramid.js';
import type { Upload } from '../../src/previews/answers.js';
import type { Zoom } from '../../src/previews/zoom/answers.js';
import { openZoom } from '../../src/previews/zoom/open-zoom.js';
import { Converting } from '../support/converting.js';
import { openPreviewBench, type PreviewBench } from '../support/preview-bench.js';
import { groupRef } from '../support/records.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';

const SIZE: Size = { widthPx: 1400, heightPx: 900 };
const PHOTO = groupRef('photo', '');
const LIMITS = { maxSidePx: 4_096, maxAreaPx: 2 ** 24 };

let dir: TempDir;
let converting: Converting;
let bench: PreviewBench;
let zoom: Zoom;

const photo = () => jpegOf(SIZE.widthPx, SIZE.heightPx);

async function start(options: { waitMs?: number; keepSource?: boolean } = {}): Promise<void> {
  bench = await openPreviewBench({
    dataDir: dir.path,
    converter: converting.pool,
    keepSource: options.keepSource ?? true,
  });
  zoom = zoomOver(options.waitMs ?? 60_000);
}

function zoomOver(waitMs: number): Zoom {
  const { catalog, tmpDir, tiered: blobs, opened, clock, metrics } = bench;
  const store = { catalog, tmpDir };
  const converter = converting.pool;
  const parts = { store, blobs, converter, pyramids: converter, opened, clock, metrics };
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

const made = () => converting.metrics.counted.filter(({ name }) => name === 'conversions_total').length;
const top = { level: maxLevelOf(SIZE), column: 2, row: 1 };

beforeEach(async () => {
  dir = await tempDir();
  converting = await Converting.start();
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
