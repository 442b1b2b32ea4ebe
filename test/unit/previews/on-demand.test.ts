// A ladder that is made step by step: of an upload what is asked for, and each other preview when somebody asks for it.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { parseFormat } from '../../../src/kernel/format.js';
import { contentDigestOf, ownPreviews } from '../../../src/kernel/source.js';
import { until } from '../../support/gate.js';
import { openPreviewBench, type PreviewBench, type PreviewBenchOptions } from '../../support/preview-bench.js';
import { groupRef } from '../../support/records.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

/** Of a source of 2000 x 1500: 200 x 150, 400 x 300, 600 x 450 (made for two formats), 1440 x 1080. */
const FORMATS = ['auto:200x150~cover', 'auto:400x300~cover', 'auto:600x450', 'auto:600x450~cover', 'auto:1920x1080'];
const [TILE, RETINA, MIDDLE, , VIEWER] = FORMATS.map(parseFormat) as [never, never, never, never, never];
const KEY = groupRef('key');

let dir: TempDir;
let bench: PreviewBench;
beforeEach(async () => {
  dir = await tempDir();
  bench = await openPreviewBench({ dataDir: dir.path, formats: FORMATS, preConvert: false });
});
afterEach(async () => {
  await bench.close();
  await dir.remove();
});

async function reopen(options: Partial<PreviewBenchOptions> = {}): Promise<void> {
  await bench.close();
  bench = await openPreviewBench({ dataDir: dir.path, formats: FORMATS, preConvert: false, ...options });
}

const uploaded = async (request = TILE, content = 'a') =>
  bench.service.cacheAndChoose(KEY, request, await bench.upload(content));
const asked = async (request: never): Promise<string> => {
  const { relation, format } = await bench.service.choose(KEY, request);
  return `${relation} ${format.text}`;
};
async function made(): Promise<readonly string[]> {
  const entry = await bench.catalog.find(KEY);
  return entry ? ownPreviews(entry.source).flatMap(({ formats }) => formats) : [];
}
const jobs = () => bench.converter.jobs.length;
const evictSource = async () => {
  await bench.catalog.evictSources(10);
  await bench.upkeep.round();
};
const failsWith = async (promise: Promise<unknown>) =>
  ((await promise.catch((error) => error)) as ProofsheetError).code;

describe('of an upload', () => {
  it('makes the asked preview alone, and nothing of its own accord, not even after a restart', async () => {
    expect(await uploaded()).toMatchObject({ relation: 'exact', format: { text: 'auto:200x150~cover' } });
    await until(() => bench.background.size === 0, 'nothing goes on');
    expect(await made()).toEqual(['auto:200x150~cover']);
    for (let start = 0; start < 2; start++) {
      await bench.upkeep.round();
      await until(() => bench.background.size === 0, 'nothing goes on');
      expect(await made()).toEqual(['auto:200x150~cover']);
      expect(jobs()).toBe(start === 0 ? 1 : 0);
      await reopen();
    }
    const unfinished: string[] = [];
    for await (const digest of bench.catalog.unfinished()) unfinished.push(digest);
    expect(unfinished).toEqual([]);
  });

  it('that asks for none makes the first format', async () => {
    const entry = await bench.service.cache(KEY, await bench.upload('a'));
    expect(entry.source).toMatchObject({ complete: true, onDemand: true, sourceKept: true });
    expect(await made()).toEqual(['auto:200x150~cover']);
    await bench.service.cache(groupRef('other'), await bench.upload('a'));
    expect(jobs()).toBe(1);
  });

  it('known by its source makes what is missing of it, and that once', async () => {
    await uploaded(TILE);
    const choice = await bench.service.cacheAndChoose(groupRef('other'), VIEWER, await bench.upload('a'));
    expect(choice.format.text).toBe('auto:1920x1080');
    expect(await made()).toEqual(['auto:200x150~cover', 'auto:1920x1080']);
    expect(await asked(VIEWER)).toBe('exact auto:1920x1080');
    expect(jobs()).toBe(2);
  });

  it('of many formats at once makes each once, whoever comes first', async () => {
    bench.converter.start.shut();
    const uploads = [TILE, RETINA, VIEWER, TILE, RETINA, VIEWER, MIDDLE].map((request) => uploaded(request));
    await until(() => bench.converter.start.held > 0, 'the first conversion starts');
    bench.converter.start.open();
    const choices = await Promise.all(uploads);
    expect(choices.map(({ relation }) => relation)).toEqual(Array(7).fill('exact'));
    expect(jobs()).toBe(4);
    const all = await bench.catalog.find(KEY);
    // Nothing is missing any more: then it is a sequence like any other.
    expect(all?.source.onDemand).toBeUndefined();
    expect(await made()).toEqual(FORMATS);
  });
});

describe('a size that is missing', () => {
  it('is made of the kept source when it is asked for, once, beside what is there', async () => {
    const first = await uploaded();
    expect(await Promise.all([asked(VIEWER), asked(VIEWER), asked(TILE)])).toEqual([
      'exact auto:1920x1080',
      'exact auto:1920x1080',
      'exact auto:200x150~cover',
    ]);
    expect(jobs()).toBe(2);
    const made = FORMATS.filter((text) => text !== 'auto:1920x1080');
    expect(bench.converter.jobs[1]).toMatchObject({ priority: 'instant', made });
    const { bytes } = await bench.service.read(await bench.service.choose(KEY, VIEWER));
    expect(bytes.toString()).toContain('auto:1920x1080');
    expect((await bench.service.choose(KEY, TILE)).preview.digest).toBe(first.preview.digest);
  });

  it('is that of the whole sequence: what it would answer with is made, and answers from then on', async () => {
    await uploaded();
    for (const request of ['auto:300x200~cover', 'auto:390x200~cover'])
      expect(await asked(parseFormat(request) as never)).toBe('larger auto:400x300~cover');
    expect(await asked(parseFormat('auto:10x10~cover') as never)).toBe('larger auto:200x150~cover');
    expect(jobs()).toBe(2);
    // Two formats of one picture are made together.
    expect(await asked(MIDDLE)).toBe('exact auto:600x450');
    expect(await made()).toContain('auto:600x450~cover');
    expect(jobs()).toBe(3);
  });

  it('gives the group another revision, so that no prepared answer outlives it', async () => {
    await uploaded();
    const before = await bench.catalog.find(KEY);
    await asked(VIEWER);
    const after = await bench.catalog.find(KEY);
    expect(after?.group.revision).not.toBe(before?.group.revision);
  });
});

describe('where the source is kept no longer', () => {
  it('what is large enough answers; what is not is unknown, until an upload brings it again', async () => {
    await uploaded(RETINA);
    await evictSource();
    const entry = await bench.catalog.find(KEY);
    expect(entry?.source.sourceKept).toBe(false);
    expect(await asked(TILE)).toBe('larger auto:400x300~cover');
    expect(await failsWith(asked(VIEWER))).toBe('unknown-image-key');
    expect(jobs()).toBe(1);

    expect((await uploaded(VIEWER)).format.text).toBe('auto:1920x1080');
    expect(await made()).toEqual(['auto:400x300~cover', 'auto:1920x1080']);
    expect(await asked(TILE)).toBe('exact auto:200x150~cover');
  });

  it('and was lost without notice, the same', async () => {
    const { entry } = await uploaded(RETINA);
    const digest = contentDigestOf(entry.source);
    await rm(join(dir.path, 'blobs', digest.slice(0, 2), digest.slice(2, 4), digest));
    expect(await asked(TILE)).toBe('larger auto:400x300~cover');
    expect(await failsWith(asked(VIEWER))).toBe('unknown-image-key');
    expect((await uploaded(VIEWER)).format.text).toBe('auto:1920x1080');
  });

  it('an upload for its group from another source is answered by what the group has', async () => {
    await uploaded(RETINA);
    await evictSource();
    expect((await uploaded(VIEWER, 'another')).format.text).toBe('auto:400x300~cover');
  });

  it('an upload that asks for nothing new keeps it again', async () => {
    await uploaded(TILE);
    await evictSource();
    await bench.service.cache(groupRef('other'), await bench.upload('a'));
    expect(jobs()).toBe(1);
    expect(await asked(VIEWER)).toBe('exact auto:1920x1080');
  });
});

describe('what cannot be made', () => {
  const FULL = new ProofsheetError('overloaded', 'too many', { retryAfterSeconds: 2 });

  it('for now is answered by what is larger, which is not prepared, or by the reason', async () => {
    await uploaded(RETINA);
    bench.converter.failure = { error: FULL, at: 'start' };
    const there = await bench.service.choose(KEY, TILE);
    expect([there.relation, there.entry.source.complete]).toEqual(['larger', false]);
    expect(await failsWith(asked(VIEWER))).toBe('overloaded');
    bench.converter.failure = undefined;
    expect((await bench.service.choose(KEY, TILE)).entry.source.complete).toBe(true);
  });

  it('because of the source is answered by what was made of it', async () => {
    await reopen({ refusals: true });
    await uploaded(TILE);
    bench.converter.failure = { error: new ProofsheetError('source-undecodable', 'broken'), at: 'start' };
    for (let request = 0; request < 3; request++) expect(await asked(VIEWER)).toBe('smaller auto:200x150~cover');
    // Remembered: it is not tried again for every request.
    expect(jobs()).toBe(2);
  });
});

describe('a lost preview', () => {
  it('is made again with those that were asked for, and no others', async () => {
    const { preview } = await uploaded(TILE);
    await asked(RETINA);
    await rm(join(dir.path, 'blobs', preview.digest.slice(0, 2), preview.digest.slice(2, 4), preview.digest));
    await reopen();
    const { from } = await bench.service.read(await bench.service.choose(KEY, TILE));
    expect(from).toBe('made');
    expect(bench.converter.jobs.map((job) => job.made)).toEqual([FORMATS.slice(2)]);
    expect(await made()).toEqual(['auto:200x150~cover', 'auto:400x300~cover']);
  });
});

describe('a change of mind', () => {
  it('to the whole ladder makes the asked one at once and the rest behind it', async () => {
    await uploaded(TILE);
    await reopen({ preConvert: true });
    expect(await asked(VIEWER)).toBe('exact auto:1920x1080');
    await until(async () => (await made()).length === FORMATS.length, 'the rest is made');
    expect((await bench.catalog.find(KEY))?.source.onDemand).toBeUndefined();
  });

  it('to the whole ladder: an upload of what is known in part makes the rest', async () => {
    await uploaded(TILE);
    await reopen({ preConvert: true });
    await bench.service.cache(groupRef('other'), await bench.upload('a'));
    expect(await made()).toEqual(FORMATS);
  });

  it('about the formats serves what is there, and makes of the new ones what is asked', async () => {
    await uploaded(VIEWER);
    await reopen({ formats: ['auto:300x300', 'auto:1000x1000'] });
    const small = parseFormat('auto:300x300') as never;
    expect(await asked(small)).toBe('larger auto:1920x1080');
    await until(async () => (await made()).includes('auto:300x300'), 'the asked one is made');
    expect(await made()).toEqual(['auto:300x300']);
    expect(await asked(parseFormat('auto:1000x1000') as never)).toBe('exact auto:1000x1000');
  });

  it('from the whole ladder leaves it as it is', async () => {
    await reopen({ preConvert: true });
    await bench.service.cache(KEY, await bench.upload('a'));
    await reopen();
    for (const request of [TILE, RETINA, MIDDLE, VIEWER]) expect(await asked(request)).toMatch(/^exact/);
    expect(jobs()).toBe(0);
  });
});
