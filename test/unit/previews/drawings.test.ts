// Pictures on demand: drawn once, found from then on, drawn again when they are lost, bounded, and the first to go.
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { parseFormat } from '../../../src/kernel/format.js';
import { parseContext, parseImageKey } from '../../../src/kernel/image-key.js';
import { recipeOfFormat } from '../../../src/kernel/recipe/recipe.js';
import { parseRecipe } from '../../../src/kernel/recipe/recipe-text.js';
import type { Drawings } from '../../../src/previews/answers.js';
import { LmdbDerivatives } from '../../../src/stores/embedded/lmdb-derivatives.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FAKE_INFO } from '../../support/fake-converter.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { FakeMetrics } from '../../support/fake-metrics.js';
import { openPreviewBench, type PreviewBench, type PreviewBenchOptions } from '../../support/preview-bench.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const A = parseContext('a');
const FIT = parseRecipe('jpg/upright/scale:400x400:contain:never');
/** The same picture of every source of 2000 x 1500. */
const FIT_TOO = parseRecipe('jpg@75/scale:400x0:contain:unless-within');

let dir: TempDir;
let derivatives: LmdbDerivatives;
let bench: PreviewBench;
let drawings: Drawings;

async function open(options: Partial<PreviewBenchOptions> = {}): Promise<void> {
  dir = await tempDir();
  const telling = { clock: new FakeClock(), logger: new FakeLogger(), metrics: new FakeMetrics() };
  derivatives = LmdbDerivatives.open({ ...telling, dataDir: dir.path, tmpDir: dir.path });
  bench = await openPreviewBench({ dataDir: dir.path, derivatives, ...options });
  if (bench.drawings === undefined) throw new Error('expected drawings');
  drawings = bench.drawings;
}
beforeEach(() => open());
afterEach(async () => {
  await bench.close();
  await derivatives.close();
  await dir.remove();
});

describe('what a drawing takes', () => {
  beforeEach(async () => {
    await bench.close();
    await derivatives.close();
    await dir.remove();
    await open({ refusals: true });
  });
  const failsWith = async (code: 'source-limits-exceeded' | 'conversion-timeout' | 'source-undecodable') => {
    bench.converter.failure = { error: new ProofsheetError(code, 'refused'), at: 'start' };
    for (let times = 0; times < 3; times++)
      await expect(drawings.drawUpload(A, await bench.upload('photo'), FIT)).rejects.toMatchObject({ code });
    bench.converter.failure = undefined;
  };

  test.each(['source-limits-exceeded', 'conversion-timeout'] as const)('%s is no fault of the source', async (code) => {
    await failsWith(code);
    await expect(drawings.drawUpload(A, await bench.upload('photo'), parseRecipe('png'))).resolves.toBeDefined();
    await expect(
      bench.service.cache({ context: A, imageKey: parseImageKey('key') }, await bench.upload('photo')),
    ).resolves.toBeDefined();
  });

  test('that it cannot be decoded is remembered', async () => {
    await failsWith('source-undecodable');
    expect(bench.converter.jobs.length).toBe(1);
  });
});

describe('a picture of an upload', () => {
  test('is drawn once, and found from then on however it is spelt', async () => {
    const first = await drawings.drawUpload(A, await bench.upload('photo'), FIT);
    expect(first).toMatchObject({ from: 'made', picture: { widthPx: 400, heightPx: 300, type: 'jpg' } });
    const second = await drawings.drawUpload(A, await bench.upload('photo'), FIT_TOO);
    expect(second.from).toBe('disk');
    expect(second.bytes).toEqual(first.bytes);
    expect(bench.converter.jobs).toHaveLength(1);
  });

  test('is drawn once for all who ask at the same time', async () => {
    bench.converter.start.shut();
    const asked = [];
    for (let n = 0; n < 5; n++) asked.push(drawings.drawUpload(A, await bench.upload('photo'), FIT));
    await expect.poll(() => bench.converter.jobs.length).toBe(1);
    bench.converter.start.open();
    const digests = (await Promise.all(asked)).map(({ picture }) => picture.digest);
    expect(new Set(digests).size).toBe(1);
    expect(bench.converter.jobs).toHaveLength(1);
  });

  test('is another one of another source, and of another recipe', async () => {
    await drawings.drawUpload(A, await bench.upload('photo'), FIT);
    await drawings.drawUpload(A, await bench.upload('another'), FIT);
    await drawings.drawUpload(A, await bench.upload('photo'), parseRecipe('png'));
    expect(bench.converter.jobs).toHaveLength(3);
  });

  test('is drawn again where its bytes were lost', async () => {
    const { picture } = await drawings.drawUpload(A, await bench.upload('photo'), FIT);
    const { digest } = picture;
    rmSync(`${dir.path}/derivatives/blobs/${digest.slice(0, 2)}/${digest.slice(2, 4)}/${digest}`);
    expect((await drawings.drawUpload(A, await bench.upload('photo'), FIT)).from).toBe('made');
    expect((await drawings.drawUpload(A, await bench.upload('photo'), FIT)).from).toBe('disk');
  });

  test('is known by the name that its source was given, in that context alone', async () => {
    const B = parseContext('b');
    expect(await drawings.drawnOfTag(A, 'name', FIT)).toBeUndefined();
    const { picture } = await drawings.drawUpload(A, { ...(await bench.upload('photo')), tag: 'name' }, FIT);
    expect((await drawings.drawnOfTag(A, 'name', FIT_TOO))?.picture).toEqual(picture);
    expect(await drawings.knownOfTag(A, 'name')).toMatchObject({ info: FAKE_INFO });
    expect(await drawings.drawnOfTag(A, 'name', parseRecipe('png'))).toBeUndefined();
    for (const tag of ['other', 'nam']) expect(await drawings.knownOfTag(A, tag)).toBeUndefined();
    expect(await drawings.drawnOfTag(B, 'name', FIT)).toBeUndefined();
    // Given to other bytes it is theirs.
    await drawings.drawUpload(A, { ...(await bench.upload('another')), tag: 'name' }, FIT);
    expect((await drawings.drawnOfTag(A, 'name', FIT))?.picture.digest).not.toBe(picture.digest);
  });

  test('takes from a context what is new of a known source, while it may have more of that', async () => {
    await bench.close();
    await derivatives.close();
    await dir.remove();
    const asked: unknown[] = [];
    await open({
      admitNew(context, pixels) {
        asked.push([context, pixels]);
        throw new ProofsheetError('over-quota', 'too many');
      },
    });
    await drawings.drawUpload(A, await bench.upload('photo'), FIT);
    await drawings.drawUpload(A, await bench.upload('photo'), FIT_TOO);
    expect(asked).toEqual([]);
    await expect(drawings.drawUpload(A, await bench.upload('photo'), parseRecipe('png'))).rejects.toThrow('too many');
    expect(asked).toEqual([[A, 2_000 * 1_500]]);
    expect(bench.converter.jobs).toHaveLength(1);
  });

  test('takes from a context what nobody sent the first time too, by the pixels that are told or that its header tells', async () => {
    await bench.close();
    await derivatives.close();
    await dir.remove();
    const asked: unknown[] = [];
    let isFull = false;
    await open({
      admitNew(context, pixels) {
        if (isFull) throw new ProofsheetError('over-quota', 'too many');
        asked.push([context, pixels]);
        return undefined;
      },
    });
    const sheet = (n: number) =>
      drawings.drawBytes(A, Buffer.from(`sheet ${n}`), FIT, { priority: 'background', counts: { pixels: 77 } });
    await sheet(1);
    expect([asked, bench.converter.jobs.map(({ priority }) => priority)]).toEqual([[[A, 77]], ['background']]);
    await sheet(1);
    expect(asked).toHaveLength(1);
    await drawings.drawUpload(A, await bench.upload('fetched'), parseRecipe('png'), { counts: {} });
    expect(asked.slice(1)).toEqual([
      [A, 0],
      [A, 2_000 * 1_500],
    ]);
    const jobs = bench.converter.jobs.length;
    isFull = true;
    await expect(sheet(2)).rejects.toMatchObject({ code: 'over-quota' });
    await expect(drawings.drawUpload(A, await bench.upload('fetched too'), FIT, { counts: {} })).rejects.toMatchObject({
      code: 'over-quota',
    });
    await expect(drawings.inspectUpload(A, await bench.upload('and told'), { counts: {} })).rejects.toMatchObject({
      code: 'over-quota',
    });
    expect(bench.converter.jobs).toHaveLength(jobs);
  });

  test('leaves no file of the upload, whether it is drawn, found or refused', async () => {
    const uploads = [await bench.upload('photo'), await bench.upload('photo'), await bench.upload('bad')];
    await drawings.drawUpload(A, uploads[0] ?? (await bench.upload('')), FIT);
    await drawings.drawUpload(A, uploads[1] ?? (await bench.upload('')), FIT);
    bench.converter.failure = { error: new ProofsheetError('source-undecodable', 'bad'), at: 'start' };
    await expect(drawings.drawUpload(A, uploads[2] ?? (await bench.upload('')), FIT)).rejects.toThrow('bad');
    await bench.background.drain(1_000);
    await expect.poll(() => uploads.some(({ path }) => existsSync(path))).toBe(false);
  });

  test('beyond the bounds is refused before anything is converted, once the source is known', async () => {
    await drawings.inspectUpload(A, await bench.upload('photo'));
    const large = parseRecipe('jpg/scale:5000x0:fill:always');
    await expect(drawings.drawUpload(A, await bench.upload('photo'), large)).rejects.toMatchObject({
      code: 'invalid-request-format',
    });
    expect(bench.converter.jobs).toHaveLength(1);
  });
});

describe('an upload in memory', () => {
  /** What was asked of it. */
  const heldOf = async (name: string) => {
    const { path, ...upload } = await bench.upload(name);
    const asked: string[] = [];
    const held = {
      async placeAt(to: string) {
        asked.push('placed');
        copyFileSync(path, to);
      },
      release: () => void asked.push('released'),
    };
    return { upload: { ...upload, path: '', held }, asked };
  };

  test('becomes a file where it is new alone, and is released in the end', async () => {
    const fresh = await heldOf('photo');
    const { picture } = await drawings.drawUpload(A, fresh.upload, FIT);
    expect(fresh.asked).toEqual(['placed', 'released']);
    const known = await heldOf('photo');
    expect((await drawings.drawUpload(A, known.upload, FIT)).picture).toEqual(picture);
    await drawings.inspectUpload(A, (await heldOf('photo')).upload);
    expect(known.asked).toEqual(['released']);
  });

  test('is released where nothing can be drawn of it', async () => {
    bench.converter.failure = { error: new ProofsheetError('source-undecodable', 'bad'), at: 'start' };
    const { upload, asked } = await heldOf('bad');
    await expect(drawings.drawUpload(A, upload, FIT)).rejects.toThrow('bad');
    expect(asked.at(-1)).toBe('released');
  });
});

describe('where there is no place', () => {
  const full = new ProofsheetError('overloaded', 'too many', { retryAfterSeconds: 1 });

  test('who would rather wait is answered once there is one', async () => {
    bench.converter.failure = { error: full, at: 'start' };
    const answer = drawings.drawUpload(A, await bench.upload('photo'), FIT, { waits: true });
    await expect.poll(() => bench.converter.jobs.length).toBeGreaterThan(2);
    bench.converter.failure = undefined;
    expect((await answer).picture).toMatchObject({ widthPx: 400 });
  });

  test('nobody else waits, nor for what is another failure', async () => {
    bench.converter.failure = { error: full, at: 'start' };
    await expect(drawings.drawUpload(A, await bench.upload('photo'), FIT)).rejects.toBe(full);
    bench.converter.failure = { error: new ProofsheetError('source-undecodable', 'bad'), at: 'start' };
    await expect(drawings.drawUpload(A, await bench.upload('photo'), FIT, { waits: true })).rejects.toThrow('bad');
    expect(bench.converter.jobs).toHaveLength(2);
  });

  test('nobody waits in a server that is asked to end', async () => {
    bench.converter.failure = { error: full, at: 'start' };
    const answer = drawings.drawUpload(A, await bench.upload('photo'), FIT, { waits: true });
    const refused = expect(answer).rejects.toMatchObject({ code: 'overloaded' });
    await bench.background.drain(1_000);
    await refused;
  });
});

test('a source is inspected once', async () => {
  expect((await drawings.inspectUpload(A, await bench.upload('photo'))).info).toEqual(FAKE_INFO);
  expect((await drawings.inspectUpload(A, await bench.upload('photo'))).info).toEqual(FAKE_INFO);
  expect(bench.converter.jobs).toHaveLength(1);
});

describe('a picture of a kept source', () => {
  const ref = { context: A, imageKey: parseImageKey('key') };
  const place = { priority: 'instant', context: A } as const;

  test('is drawn from it, and is the preview of a target format that is the same picture', async () => {
    const { source } = await bench.service.cache(ref, await bench.upload('photo'));
    const jobs = bench.converter.jobs.length;
    const drawn = await drawings.drawKept(source, FIT, place);
    expect(drawn).toMatchObject({ from: 'made', picture: { widthPx: 400 } });
    expect((await drawings.drawKept(source, FIT, place)).from).toBe('disk');
    expect(bench.converter.jobs.length).toBe(jobs + 1);
    const target = recipeOfFormat(parseFormat('auto:800x800'), FAKE_INFO);
    const same = await drawings.drawKept(source, target, place);
    expect(same.picture.digest).toBe(source.previews.find(({ formats }) => formats.includes('auto:800x800'))?.digest);
    expect(bench.converter.jobs.length).toBe(jobs + 1);
  });

  test('is refused by name where the source is gone', async () => {
    const { source } = await bench.service.cache(ref, await bench.upload('photo'));
    const gone = { ...source, sourceKept: false };
    const large = parseRecipe('jpg/scale:1000x1000:contain:never');
    await expect(drawings.drawKept(gone, large, place)).rejects.toMatchObject({ code: 'unknown-image-key' });
  });
});

describe('a smaller picture', () => {
  const SMALL = parseRecipe('jpg/upright/scale:200x200:contain:never');
  const ref = { context: A, imageKey: parseImageKey('key') };
  const place = { priority: 'instant', context: A } as const;
  const lastJob = () => bench.converter.jobs.at(-1);

  test('is drawn of the preview that is large enough and the smallest, its source be there or not', async () => {
    const { source } = await bench.service.cache(ref, await bench.upload('photo'));
    const preview = source.previews.find(({ formats }) => formats.includes('auto:800x800'));
    await drawings.drawKept({ ...source, sourceKept: false }, FIT, place);
    expect(lastJob()).toMatchObject({ sourceBytes: preview?.bytes, drawing: { of: FAKE_INFO } });
    // Of one of 1440 x 1080 it would not be as good.
    await drawings.drawKept(source, parseRecipe('jpg/scale:1000x1000:contain:never'), place);
    expect(lastJob()?.drawing?.of).toBeUndefined();
  });

  test('is drawn of what was drawn before of the same upload', async () => {
    const first = await drawings.drawUpload(A, await bench.upload('photo'), FIT);
    const second = await drawings.drawUpload(A, await bench.upload('photo'), SMALL);
    expect(lastJob()).toMatchObject({ sourceBytes: first.picture.bytes, drawing: { of: FAKE_INFO } });
    // What is smaller takes the place of nothing.
    expect((await derivatives.sourceOf((await bench.upload('photo')).digest))?.base).toEqual(first.picture);
    expect((await drawings.drawUpload(A, await bench.upload('photo'), SMALL)).picture).toEqual(second.picture);
    expect(bench.converter.jobs).toHaveLength(2);
  });

  test('is drawn of the source where its edges are hard, and where the larger one is lost or damaged', async () => {
    const { picture } = await drawings.drawUpload(A, await bench.upload('photo'), FIT);
    bench.converter.hardEdges = true;
    await drawings.drawUpload(A, await bench.upload('photo'), SMALL);
    expect(bench.converter.jobs.map(({ drawing }) => drawing?.of !== undefined)).toEqual([false, true, false]);
    bench.converter.hardEdges = false;
    const { digest } = picture;
    rmSync(`${dir.path}/derivatives/blobs/${digest.slice(0, 2)}/${digest.slice(2, 4)}/${digest}`);
    await drawings.drawUpload(A, await bench.upload('photo'), parseRecipe('jpg/scale:100x100:contain:never'));
    expect(lastJob()?.drawing?.of).toBeUndefined();
  });

  test.each(['jpg/region:0,0,400x400/scale:100x100:fill:always', 'jpg,page=2/scale:100x100:contain:never'])(
    'is drawn of the source where it is %s',
    async (recipe) => {
      await drawings.drawUpload(A, await bench.upload('photo'), FIT);
      await drawings.drawUpload(A, await bench.upload('photo'), parseRecipe(recipe));
      const isWhole = recipe.includes('page');
      expect(lastJob()?.drawing?.of !== undefined).toBe(isWhole);
    },
  );
});

test('what is over the bound goes, without being asked, and all of it where the disk is full', async () => {
  // 100,000 bytes are kept, of pictures of 600 bytes and what an entry costs.
  for (let n = 0; n < 200; n++) await drawings.drawUpload(A, await bench.upload(`photo ${n}`), FIT);
  await bench.background.drain(1_000);
  const { bytes, entries } = await derivatives.usage();
  expect(bytes).toBeLessThanOrEqual(100_000 * (1 + 1 / 64) + 2_000);
  expect(entries).toBeGreaterThan(50);
  await bench.upkeep.round();
  expect((await derivatives.usage()).bytes).toBeLessThanOrEqual(100_000);
  expect(bench.metrics.total('evictions_total', { kind: 'derivative' })).toBeGreaterThan(0);
});
