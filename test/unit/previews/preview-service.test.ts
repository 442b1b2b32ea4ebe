// The use cases on the real embedded store, with a converter whose pace the tests set.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { parseFormat } from '../../../src/kernel/format.js';
import { DEFAULT_CONTEXT } from '../../../src/kernel/image-key.js';
import { until } from '../../support/gate.js';
import {
  LARGE,
  openPreviewBench,
  type PreviewBench,
  type PreviewBenchOptions,
  SMALL,
} from '../../support/preview-bench.js';
import { groupRef } from '../../support/records.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

let dir: TempDir;
let bench: PreviewBench;

beforeEach(async () => {
  dir = await tempDir();
  bench = await openPreviewBench({ dataDir: dir.path });
});

afterEach(async () => {
  await bench.close();
  await dir.remove();
});

async function reopen(options: Partial<PreviewBenchOptions> = {}): Promise<void> {
  await bench.close();
  bench = await openPreviewBench({ dataDir: dir.path, ...options });
}

const KEY = groupRef('key');
const blobFile = (digest: string) => join(dir.path, 'blobs', digest.slice(0, 2), digest.slice(2, 4), digest);

describe('cacheImage', () => {
  it('makes every preview of the sequence before it acknowledges', async () => {
    const entry = await bench.service.cache(KEY, await bench.upload('a', 'a.jpg'));
    expect(entry.source).toMatchObject({ complete: true, sourceKept: true });
    expect(entry.source.previews.map((preview) => preview.formats)).toEqual([
      ['auto:200x150', 'auto:200x150~cover'],
      ['auto:800x800'],
    ]);
    for (const format of bench.sequence.formats) {
      const { bytes } = await bench.service.read(await bench.service.choose(KEY, format));
      expect(bytes.length).toBeGreaterThan(0);
    }
    expect((await bench.service.metadata(KEY)).groups.File).toMatchObject({ 'File Name': 'a.jpg' });
  });

  it.each(['all', 'context'] as const)(
    'stores a source that its context knows under another key by its digest alone, deduplicated by %s',
    async (deduplicate) => {
      await reopen({ deduplicate });
      const upload = await bench.upload('a', 'a.jpg');
      const before = await bench.service.cache(groupRef('key', 'tenant'), upload);
      const conversions = bench.converter.jobs.length;
      const known = await bench.service.cacheKnown(groupRef('other', 'tenant'), upload.digest);
      expect(known?.source).toEqual(before.source);
      expect((await bench.service.choose(groupRef('other', 'tenant'), SMALL)).entry.group.fileName).toBeUndefined();
      expect(bench.converter.jobs).toHaveLength(conversions);
      // Nothing is told of what other contexts have, nor given away.
      expect(await bench.service.cacheKnown(KEY, upload.digest)).toBeUndefined();
      expect(await bench.service.has(KEY)).toBe(false);
    },
  );

  it.each(['all', 'context'] as const)(
    'tells by a digest alone that a content is blocked only where contexts are not kept apart: %s',
    async (deduplicate) => {
      await reopen({ deduplicate });
      const { digest } = await bench.upload('taken down');
      await bench.takedowns.block([{ content: digest, reason: 'r', since: 0 }], 0);
      const told = bench.service.cacheKnown(groupRef('key'), digest).catch((error: unknown) => error);
      expect(await told).toEqual(
        deduplicate === 'all' ? expect.objectContaining({ code: 'blocked-content' }) : undefined,
      );
    },
  );

  it('does not store by its digest what has lost a preview: its bytes have to come', async () => {
    const upload = await bench.upload('a');
    const { source } = await bench.service.cache(KEY, upload);
    for (const { digest } of source.previews) await rm(blobFile(digest));
    expect(await bench.service.cacheKnown(groupRef('other'), upload.digest)).toBeUndefined();
    expect(await bench.service.has(groupRef('other'))).toBe(false);
  });

  it('takes a small source as bytes: stored as from a file, healed from it, and no file is left', async () => {
    const content = Buffer.from('small');
    const upload = { path: '', content, digest: digestOf(content), bytes: content.length };
    const { source } = await bench.service.cache(KEY, upload);
    expect(bench.converter.jobs[0]).toMatchObject({ sourcePath: '', content });
    expect(source).toMatchObject({ complete: true, sourceKept: true });
    expect(await bench.blobs.get(source.digest)).toEqual(content);
    const choice = await bench.service.choose(KEY, SMALL);
    await bench.blobs.delete(choice.preview.digest);
    const { bytes, from } = await bench.service.read(await bench.service.cacheAndChoose(KEY, SMALL, upload));
    expect([digestOf(bytes), from]).toEqual([choice.preview.digest, 'disk']);
    expect(await readdir(bench.tmpDir)).toEqual([]);
  });

  it('overwrites a group with another source, and frees what nobody names any more', async () => {
    const before = await bench.service.cache(KEY, await bench.upload('old'));
    await bench.service.cache(KEY, await bench.upload('new'));
    expect((await bench.service.choose(KEY, SMALL)).preview.digest).not.toBe(before.source.previews[0]?.digest);
    await bench.upkeep.round();
    for (const preview of before.source.previews) expect(await bench.blobs.has(preview.digest)).toBe(false);
    expect(await bench.catalog.findSource(before.source.digest)).toBeUndefined();
  });

  it('converts 100 equal uploads at once a single time, whatever their keys', async () => {
    bench.converter.start.shut();
    const uploads = Array.from({ length: 100 }, async (_, index) =>
      bench.service.cache(groupRef(`key ${index}`, index % 2 ? 'tenant' : ''), await bench.upload('same')),
    );
    await until(() => bench.converter.start.held > 0, 'the conversion starts');
    bench.converter.start.open();
    await Promise.all(uploads);
    expect(bench.converter.jobs).toHaveLength(1);
    expect(await bench.service.count()).toBe(100);
    expect((await bench.catalog.usage()).sources).toBe(1);
  });

  it('takes what is made already for another key, without a conversion', async () => {
    await bench.service.cache(KEY, await bench.upload('a'));
    await bench.service.cache(groupRef('other', 'tenant'), await bench.upload('a'));
    expect(bench.converter.jobs).toHaveLength(1);
  });

  it('fails everybody who waits with the same reason, stores nothing, and tries again the next time', async () => {
    bench.converter.failure = { error: new ProofsheetError('source-undecodable', 'bad'), at: 'start' };
    const failing = [await bench.upload('bad'), await bench.upload('bad')].map((upload) =>
      bench.service.cache(KEY, upload),
    );
    for (const result of await Promise.allSettled(failing)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'source-undecodable' } });
    }
    expect(await bench.catalog.usage()).toMatchObject({ groups: 0, sources: 0, previewBytes: 0, sourceBytes: 0 });
    bench.converter.failure = undefined;
    await bench.service.cache(KEY, await bench.upload('bad'));
    expect(await bench.service.count()).toBe(1);
  });

  it('leaves no temp file, neither the upload nor one of its own', async () => {
    await bench.service.cache(KEY, await bench.upload('a'));
    await bench.background.drain(1_000);
    expect(await readdir(bench.tmpDir)).toEqual([]);
  });

  it('drops the source once the sequence is complete where sources are not kept', async () => {
    await reopen({ keepSource: false });
    const choice = await bench.service.cacheAndChoose(KEY, SMALL, await bench.upload('a'));
    await until(async () => (await bench.catalog.find(KEY))?.source.complete === true, 'the sequence completes');
    await bench.upkeep.round();
    expect(await bench.blobs.has(choice.entry.source.digest)).toBe(false);
    expect((await bench.catalog.usage()).sourceBytes).toBe(0);
  });
});

describe('cacheAndGetImage', () => {
  it('answers before the rest is made, and the rest follows', async () => {
    bench.converter.rest.shut();
    const choice = await bench.service.cacheAndChoose(KEY, LARGE, await bench.upload('a'));
    expect(choice.preview).toMatchObject({ formats: ['auto:800x800'], widthPx: 800, heightPx: 600 });
    expect((await bench.catalog.find(KEY))?.source).toMatchObject({ complete: false, sourceKept: true });
    // What was answered is what stays: the same request gives the same bytes later.
    expect((await bench.service.choose(KEY, LARGE)).preview.digest).toBe(choice.preview.digest);
    const waiting = bench.service.choose(KEY, SMALL);
    bench.converter.rest.open();
    expect((await waiting).preview.formats).toContain('auto:200x150');
    expect((await bench.service.choose(KEY, LARGE)).preview.digest).toBe(choice.preview.digest);
    expect((await bench.catalog.find(KEY))?.source.complete).toBe(true);
    expect(bench.converter.jobs).toHaveLength(1);
  });

  it('answers a request that is no target format with its best match', async () => {
    bench.converter.rest.shut();
    const choice = await bench.service.cacheAndChoose(KEY, parseFormat('auto:300x300'), await bench.upload('a'));
    expect(choice).toMatchObject({ relation: 'larger', preview: { widthPx: 800, heightPx: 600 } });
  });

  it('ignores the upload of a group that exists', async () => {
    const first = await bench.service.cache(KEY, await bench.upload('a'));
    const choice = await bench.service.cacheAndChoose(KEY, SMALL, await bench.upload('b'));
    expect(choice.entry.source.digest).toBe(first.source.digest);
    expect(bench.converter.jobs).toHaveLength(1);
  });

  it('has at hand what needs no upload, and nothing that is lost or was never made', async () => {
    expect(await bench.service.atHand(KEY, SMALL)).toBeUndefined();
    const { source } = await bench.service.cache(KEY, await bench.upload('a'));
    const conversions = bench.converter.jobs.length;
    const choice = await bench.service.atHand(KEY, SMALL);
    expect(choice?.preview.digest).toBe(source.previews[0]?.digest);
    await rm(blobFile(source.previews[0]?.digest ?? ''));
    expect(await bench.service.atHand(KEY, SMALL)).toBeUndefined();
    expect(bench.converter.jobs).toHaveLength(conversions);
  });

  it('heals a group whose preview and source are lost from the upload at hand', async () => {
    const { source } = await bench.service.cache(KEY, await bench.upload('a'));
    for (const digest of [source.digest, ...source.previews.map((preview) => preview.digest)]) {
      await rm(blobFile(digest));
      bench.tiered.forget(digest);
    }
    const choice = await bench.service.cacheAndChoose(KEY, SMALL, await bench.upload('a'));
    expect((await bench.service.read(choice)).bytes.length).toBeGreaterThan(0);
    expect(bench.metrics.total('healed_previews_total')).toBe(1);
  });

  it('takes up an interrupted sequence after a crash', async () => {
    bench.converter.rest.shut();
    const first = await bench.service.cacheAndChoose(KEY, LARGE, await bench.upload('a'));
    // The drain limit of 0 stands for the crash: the rest is given up.
    await bench.background.drain(0);
    await reopen();
    await bench.upkeep.round();
    const entry = await bench.catalog.find(KEY);
    expect(entry?.source.complete).toBe(true);
    expect(entry?.source.previews.map((preview) => preview.digest)).toContain(first.preview.digest);
    // What was made before the crash is not made again; the rest is made as a part of the whole sequence.
    expect(bench.converter.jobs.map(({ formats, made }) => ({ formats, made }))).toEqual([
      { formats: bench.sequence.formats, made: ['auto:800x800'] },
    ]);
  });

  it('is complete with its first previews when the source fails later', async () => {
    bench.converter.failure = { error: new ProofsheetError('source-undecodable', 'truncated'), at: 'rest' };
    await bench.service.cacheAndChoose(KEY, LARGE, await bench.upload('a'));
    await until(async () => (await bench.catalog.find(KEY))?.source.complete === true, 'the record is closed');
    expect((await bench.service.choose(KEY, SMALL)).preview.formats).toEqual(['auto:800x800']);
    expect(bench.converter.jobs).toHaveLength(1);
  });

  it('does not bring back what was cleared while the rest was made', async () => {
    bench.converter.rest.shut();
    await bench.service.cacheAndChoose(KEY, LARGE, await bench.upload('a'));
    expect(await bench.service.clear({})).toBe(1);
    bench.converter.rest.open();
    await bench.background.drain(5_000);
    await bench.upkeep.round();
    expect(await bench.catalog.usage()).toEqual({ groups: 0, keys: 0, sources: 0, previewBytes: 0, sourceBytes: 0 });
  });
});

describe('reading', () => {
  it('heals a lost preview from the kept source, with one conversion for everybody', async () => {
    await bench.service.cache(KEY, await bench.upload('a'));
    const choice = await bench.service.choose(KEY, SMALL);
    await rm(blobFile(choice.preview.digest));
    bench.tiered.forget(choice.preview.digest);
    const reads = await Promise.all([
      bench.service.read(choice),
      bench.service.read(choice),
      bench.service.read(choice),
    ]);
    for (const read of reads)
      expect(read).toMatchObject({ from: 'made', choice: { preview: { digest: choice.preview.digest } } });
    expect(bench.converter.jobs).toHaveLength(2);
  });

  it.each(['a read', 'a finish'] as const)(
    '%s is answered when the sequence it waits for has lost what it was taken up with',
    async (what) => {
      bench.converter.rest.shut();
      const choice = await bench.service.cacheAndChoose(KEY, LARGE, await bench.upload('a'));
      await bench.background.drain(0);
      await reopen();
      await rm(blobFile(choice.preview.digest));
      bench.converter.start.shut();
      const round = bench.upkeep.round();
      await until(() => bench.converter.start.held === 1, 'the interrupted sequence is taken up');
      const { source } = choice.entry;
      const answer =
        what === 'a read'
          ? bench.service.read(choice)
          : bench.maker.finish(source, { priority: 'medium', context: DEFAULT_CONTEXT });
      bench.converter.start.open();
      await Promise.all([answer, round]);
      expect((await bench.service.read(await bench.service.choose(KEY, LARGE))).choice.preview.digest).toBe(
        choice.preview.digest,
      );
      expect((await bench.catalog.find(KEY))?.source.complete).toBe(true);
    },
  );

  it('answers with the successor when the same source is made into other bytes', async () => {
    await bench.service.cache(KEY, await bench.upload('a'));
    const choice = await bench.service.choose(KEY, SMALL);
    await rm(blobFile(choice.preview.digest));
    bench.tiered.forget(choice.preview.digest);
    bench.converter.salt = 'another encoder ';
    const read = await bench.service.read(choice);
    expect(read.choice.preview.digest).not.toBe(choice.preview.digest);
    expect((await bench.service.choose(KEY, SMALL)).preview.digest).toBe(read.choice.preview.digest);
  });

  it('removes a group that cannot be healed, and says what to do', async () => {
    const { source } = await bench.service.cache(KEY, await bench.upload('a'));
    const choice = await bench.service.choose(KEY, SMALL);
    for (const digest of [source.digest, choice.preview.digest]) {
      await rm(blobFile(digest));
      bench.tiered.forget(digest);
    }
    await expect(bench.service.read(choice)).rejects.toMatchObject({
      code: 'unknown-image-key',
      message: /upload it again/,
    });
    expect(await bench.service.has(KEY)).toBe(false);
  });

  it('serves the previews of an older sequence while it makes those of the new one', async () => {
    await bench.service.cache(KEY, await bench.upload('a'));
    await reopen({ formats: ['auto:400x400'] });
    bench.converter.start.shut();
    expect((await bench.service.choose(KEY, SMALL)).preview.formats).toContain('auto:200x150');
    bench.converter.start.open();
    await bench.background.drain(5_000);
    expect((await bench.service.choose(KEY, SMALL)).preview.formats).toEqual(['auto:400x400']);
  });
});

describe('clearing', () => {
  it('of one key leaves the same bytes under another key', async () => {
    await bench.service.cache(KEY, await bench.upload('a'));
    await bench.service.cache(groupRef('other'), await bench.upload('a'));
    expect(await bench.service.clear({ imageKey: KEY.imageKey })).toBe(1);
    await bench.upkeep.round();
    await expect(bench.service.choose(KEY, SMALL)).rejects.toMatchObject({ code: 'unknown-image-key' });
    expect(
      (await bench.service.read(await bench.service.choose(groupRef('other'), SMALL))).bytes.length,
    ).toBeGreaterThan(0);
  });
});

describe('upkeep', () => {
  const fill = async (count: number) => {
    for (let index = 0; index < count; index++) {
      await bench.service.cache(groupRef(`key ${index}`), await bench.upload(`source ${index}`));
      bench.clock.advance(1_000);
    }
  };

  it('evicts the groups used longest ago above the number of groups', async () => {
    await reopen({ limits: { maxGroups: 3 } });
    await fill(5);
    bench.clock.advance(120_000);
    await bench.service.choose(groupRef('key 0'), SMALL);
    await bench.upkeep.round();
    const left = [];
    for await (const keys of bench.service.keys()) left.push(...keys);
    expect(left).toEqual(['key 0', 'key 3', 'key 4']);
    expect(bench.metrics.total('evictions_total', { reason: 'groups', kind: 'group' })).toBe(2);
  });

  it('evicts groups not used for the allowed age', async () => {
    await reopen({ limits: { maxAgeSeconds: 3600 } });
    await fill(2);
    bench.clock.advance(3_000_000);
    await bench.service.choose(groupRef('key 1'), SMALL);
    bench.clock.advance(700_000);
    await bench.upkeep.round();
    expect(await bench.service.count()).toBe(1);
    expect(await bench.service.has(groupRef('key 1'))).toBe(true);
  });

  it('evicts sources before previews above the byte limit, and stays below it', async () => {
    await fill(4);
    const { previewBytes } = await bench.catalog.usage();
    await reopen({ limits: { maxBytes: previewBytes } });
    await bench.upkeep.round();
    expect(await bench.catalog.usage()).toMatchObject({ groups: 4, sourceBytes: 0, previewBytes });
    await reopen({ limits: { maxBytes: previewBytes / 2 } });
    await bench.upkeep.round();
    const after = await bench.catalog.usage();
    expect(after.previewBytes).toBeLessThanOrEqual(previewBytes / 2);
    expect(after.groups).toBeLessThan(4);
  });
});
