// What the use cases remember of failed sources, and who shares what is made of equal ones.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { LARGE, openPreviewBench, type PreviewBench, SMALL } from '../../support/preview-bench.js';
import { groupRef } from '../../support/records.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

let dir: TempDir;
let bench: PreviewBench;
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  await bench.close();
  await dir.remove();
});

const KEY = groupRef('key');
const corrupt = new ProofsheetError('source-undecodable', 'it is corrupt');
const timeout = new ProofsheetError('conversion-timeout', 'it took too long', { uncertain: true });
const crash = new ProofsheetError('source-undecodable', 'the decoder crashed', { uncertain: true });

describe('failed sources', () => {
  beforeEach(async () => {
    bench = await openPreviewBench({ dataDir: dir.path, refusals: true });
  });
  const fails = async (content: string): Promise<unknown> =>
    bench.service.cache(KEY, await bench.upload(content)).then(
      () => undefined,
      (error: unknown) => error,
    );

  it('are refused from the second time on with the same code and message, and without a conversion', async () => {
    bench.converter.failure = { error: corrupt, at: 'start' };
    for (let time = 0; time < 4; time++)
      expect(await fails('poison')).toMatchObject({ code: corrupt.code, message: corrupt.message });
    expect(bench.converter.jobs).toHaveLength(1);
    expect(bench.metrics.total('refusals_total', { error: 'source-undecodable' })).toBe(3);
    expect(await fails('other poison')).toMatchObject({ code: corrupt.code });
    expect(bench.converter.jobs).toHaveLength(2);
  });

  it.each([
    ['a timeout', timeout],
    ['a killed child', crash],
  ])('%s counts only when it happened twice', async (_what, error) => {
    bench.converter.failure = { error, at: 'start' };
    for (let time = 0; time < 4; time++) expect(await fails('heavy')).toMatchObject({ code: error.code });
    expect(bench.converter.jobs).toHaveLength(2);
  });

  it('one strike is no verdict: a source that is converted the second time is cached', async () => {
    bench.converter.failure = { error: timeout, at: 'start' };
    expect(await fails('heavy')).toMatchObject({ code: 'conversion-timeout' });
    bench.converter.failure = undefined;
    expect(await fails('heavy')).toBeUndefined();
  });

  it.each([
    new ProofsheetError('overloaded', 'no converter became free'),
    new ProofsheetError('storage-full', 'no space left'),
    new Error('a fault of ours'),
  ])('%s is no fault of the source, and is not remembered', async (error) => {
    bench.converter.failure = { error, at: 'start' };
    await fails('innocent');
    await fails('innocent');
    expect(bench.converter.jobs).toHaveLength(2);
    bench.converter.failure = undefined;
    expect(await fails('innocent')).toBeUndefined();
  });

  it('are tried again once forgotten, or when their time is over', async () => {
    bench.converter.failure = { error: corrupt, at: 'start' };
    await fails('poison');
    await bench.refusals?.forget();
    await fails('poison');
    expect(bench.converter.jobs).toHaveLength(2);
  });

  it('a group that exists is answered whatever its source would do now', async () => {
    await bench.service.cache(KEY, await bench.upload('good'));
    bench.converter.failure = { error: corrupt, at: 'start' };
    await fails('poison');
    expect((await bench.service.cacheAndChoose(KEY, SMALL, await bench.upload('poison'))).entry.group.imageKey).toBe(
      'key',
    );
  });

  it('many at once share one conversion and one refusal', async () => {
    bench.converter.failure = { error: corrupt, at: 'start' };
    const uploads = await Promise.all(Array.from({ length: 20 }, () => bench.upload('poison')));
    const answers = await Promise.allSettled(
      uploads.map((upload, n) => bench.service.cacheAndChoose(groupRef(`key${n}`), SMALL, upload)),
    );
    for (const answer of answers) expect(answer).toMatchObject({ status: 'rejected', reason: { code: corrupt.code } });
    expect(bench.converter.jobs).toHaveLength(1);
  });
});

describe('equal sources in two contexts', () => {
  const [a, b] = [groupRef('key', 'a'), groupRef('key', 'b')];

  it('are converted once when all contexts share', async () => {
    bench = await openPreviewBench({ dataDir: dir.path });
    for (const ref of [a, b]) await bench.service.cache(ref, await bench.upload('same'));
    expect(bench.converter.jobs).toHaveLength(1);
    expect(await bench.catalog.usage()).toMatchObject({ groups: 2, sources: 1 });
  });

  describe('kept apart', () => {
    beforeEach(async () => {
      bench = await openPreviewBench({ dataDir: dir.path, deduplicate: 'context', refusals: true });
    });

    it('are converted once in each, and once only within one', async () => {
      for (const ref of [a, b, groupRef('second', 'a')]) await bench.service.cache(ref, await bench.upload('same'));
      expect(bench.converter.jobs).toHaveLength(2);
      expect(await bench.catalog.usage()).toMatchObject({ groups: 3, sources: 2 });
    });

    it('tell the digest of the bytes, and previews are named by theirs', async () => {
      const upload = await bench.upload('same');
      const { digest } = upload;
      await bench.service.cache(a, upload);
      const metadata = await bench.service.metadata(a);
      expect(metadata.proofsheet.digest).toBe(`sha256:${digest}`);
      const choice = await bench.service.choose(a, SMALL);
      expect(choice.entry.source.digest).not.toBe(digest);
      expect(choice.entry.source.contentDigest).toBe(digest);
      expect(await bench.blobs.has(digest)).toBe(true);
      expect((await bench.service.read(choice)).bytes.length).toBe(choice.preview.bytes);
    });

    it('heal a lost preview from the kept source', async () => {
      await bench.service.cache(a, await bench.upload('same'));
      const choice = await bench.service.choose(a, SMALL);
      await bench.lose(choice.preview.digest);
      const { bytes, from } = await bench.service.read(choice);
      expect([bytes.length, from]).toEqual([choice.preview.bytes, 'made']);
      expect(bench.converter.jobs).toHaveLength(2);
    });

    it('lose and keep their sources each for itself, and the blob goes with the last', async () => {
      const upload = await bench.upload('same');
      const { digest } = upload;
      await bench.service.cache(a, upload);
      await bench.service.cache(b, await bench.upload('same'));
      await bench.catalog.evictSources(1);
      await bench.catalog.sweep(100);
      expect(await bench.blobs.has(digest)).toBe(true);
      await bench.catalog.evictSources(1);
      await bench.catalog.sweep(100);
      expect(await bench.blobs.has(digest)).toBe(false);
      expect(await bench.catalog.usage()).toMatchObject({ sources: 2, sourceBytes: 0 });
      await bench.catalog.remove({});
      await bench.catalog.sweep(100);
      expect(await bench.catalog.usage()).toMatchObject({ sources: 0, previewBytes: 0, sourceBytes: 0 });
    });

    it('fail each for itself: what one context learned to refuse, the other learns anew', async () => {
      bench.converter.failure = { error: corrupt, at: 'start' };
      for (const ref of [a, a, b, b])
        await expect(bench.service.cache(ref, await bench.upload('poison'))).rejects.toThrow('it is corrupt');
      expect(bench.converter.jobs).toHaveLength(2);
    });

    it('heal from the upload of the same context', async () => {
      const { preview } = await bench.service.cacheAndChoose(a, LARGE, await bench.upload('same'));
      await bench.service.cache(a, await bench.upload('same'));
      await bench.lose(preview.digest);
      const again = await bench.service.cacheAndChoose(a, LARGE, await bench.upload('same'));
      expect((await bench.service.read(again)).bytes.length).toBe(again.preview.bytes);
      expect(bench.metrics.total('healed_previews_total')).toBe(1);
    });
  });
});
