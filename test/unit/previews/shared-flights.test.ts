// Who waits for the making of one source: the work takes the best of their places, what befalls one of them is not the others'
// fault, and nothing is copied for work that is not admitted.
import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import type { ConversionJob, Converter, Place } from '../../../src/kernel/ports/converter.js';
import { FakeConverter } from '../../support/fake-converter.js';
import { until } from '../../support/gate.js';
import { LARGE, openPreviewBench, type PreviewBench, SMALL } from '../../support/preview-bench.js';
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

async function reopen(options: { formats?: readonly string[]; converter?: Converter } = {}): Promise<void> {
  await bench.close();
  bench = await openPreviewBench({ dataDir: dir.path, ...options });
}

/** Everybody in whose row the job stands, its own first. */
function placesOf(job: ConversionJob | undefined): Place[] {
  if (job === undefined) return [];
  const places: Place[] = [{ priority: job.priority, context: job.context }];
  job.joined?.each(({ priority, context }) => places.push({ priority, context }))();
  return places;
}

const MINE = groupRef('key', 'victim');
const OTHERS = groupRef('copy', 'neighbour');

describe('a shared flight', () => {
  it('stands in the row of everybody who waits for it, with their priority', async () => {
    bench.converter.start.shut();
    const first = bench.service.cache(OTHERS, await bench.upload('a'));
    await until(() => bench.converter.jobs.length === 1, 'the conversion is asked for');
    const second = bench.service.cacheAndChoose(MINE, SMALL, await bench.upload('a'));
    await until(
      () => placesOf(bench.converter.jobs[0]).some(({ context }) => context === 'victim'),
      'the second one joins',
    );
    expect(placesOf(bench.converter.jobs[0])).toContainEqual({ priority: 'instant', context: 'victim' });
    bench.converter.start.open();
    await Promise.all([first, second]);
    expect(bench.converter.jobs).toHaveLength(1);
  });

  it('is told of those who come later, the better of two places of one context', async () => {
    bench.converter.start.shut();
    const waiting = [bench.service.cache(OTHERS, await bench.upload('a'))];
    await until(() => bench.converter.jobs.length === 1, 'the conversion is asked for');
    const told: Place[] = [];
    bench.converter.jobs[0]?.joined?.each((place) => told.push(place));
    waiting.push(bench.service.cache(MINE, await bench.upload('a')));
    await until(() => told.length === 2, 'the second one joins');
    const third = bench.service.cacheAndChoose(MINE, SMALL, await bench.upload('a'));
    await until(() => told.length === 3, 'the third one joins');
    expect(told.map(({ priority, context }) => `${context} ${priority}`)).toEqual([
      'neighbour medium',
      'victim medium',
      'victim instant',
    ]);
    bench.converter.start.open();
    await Promise.all([...waiting, third]);
  });

  it('has the rest of a sequence made in the place of who reads it, and behind everything while nobody does', async () => {
    bench.converter.rest.shut();
    await bench.service.cacheAndChoose(MINE, SMALL, await bench.upload('a'));
    // The drain limit of 0 stands for a crash: the rest is given up, and taken up by the next start.
    await bench.background.drain(0);
    await reopen();
    bench.converter.start.shut();
    const round = bench.upkeep.round();
    await until(() => bench.converter.jobs.length === 1, 'the rest is asked for');
    expect(placesOf(bench.converter.jobs[0]).map(({ priority }) => priority)).toEqual(['background', 'background']);
    const read = bench.service.choose(MINE, LARGE);
    await until(() => placesOf(bench.converter.jobs[0]).length === 3, 'the reader joins');
    expect(placesOf(bench.converter.jobs[0])[2]).toEqual({ priority: 'medium', context: 'victim' });
    bench.converter.start.open();
    await round;
    expect((await read).preview.formats).toContain('auto:800x800');
  });

  it.each(['overloaded', 'over-quota', 'unknown-image-key'] as const)(
    'that fails with %s is begun again by those who shared it, and by nobody else',
    async (code) => {
      const fake = new FakeConverter();
      fake.start.shut();
      const failing: Converter = {
        convert: async (job, ...rest) => {
          const conversion = await fake.convert(job, ...rest);
          if (fake.jobs.length === 1) throw new ProofsheetError(code, 'the neighbour had too many');
          return conversion;
        },
        distrust: () => undefined,
        close: () => fake.close(),
      };
      await reopen({ converter: failing });
      const first = bench.service.cache(OTHERS, await bench.upload('a'));
      first.catch(() => undefined);
      await until(() => fake.jobs.length === 1, 'the conversion is asked for');
      const second = bench.service.cacheAndChoose(MINE, SMALL, await bench.upload('a'));
      await until(() => placesOf(fake.jobs[0]).length === 3, 'the second one joins');
      fake.start.open();
      await expect(first).rejects.toMatchObject({ code });
      expect((await second).preview.formats).toContain('auto:200x150');
      expect(fake.jobs.map(({ context }) => context)).toEqual(['neighbour', 'victim']);
    },
  );

  it('that fails for its source fails for everybody', async () => {
    bench.converter.start.shut();
    const first = bench.service.cache(OTHERS, await bench.upload('bad'));
    await until(() => bench.converter.jobs.length === 1, 'the conversion is asked for');
    const second = bench.service.cache(MINE, await bench.upload('bad'));
    await until(() => placesOf(bench.converter.jobs[0]).length === 3, 'the second one joins');
    bench.converter.failure = { error: new ProofsheetError('source-undecodable', 'bad'), at: 'start' };
    bench.converter.start.open();
    const ended = await Promise.allSettled([first, second]);
    expect(ended.map((each) => each.status === 'rejected' && each.reason.code)).toEqual([
      'source-undecodable',
      'source-undecodable',
    ]);
    expect(bench.converter.jobs).toHaveLength(1);
  });
});

describe('work from kept sources', () => {
  const KEYS = Array.from({ length: 60 }, (_, n) => groupRef(`key ${n}`));

  it('of outdated records is a few at a time and copies nothing before, however many are read at once', async () => {
    for (const [n, key] of KEYS.entries()) await bench.service.cache(key, await bench.upload(`source ${n}`));
    await reopen({ formats: ['auto:200x150', 'auto:640x640'] });
    bench.converter.start.shut();
    await Promise.all(KEYS.map((key) => bench.service.choose(key, SMALL)));
    await until(() => bench.converter.start.held === 2, 'two are under way');
    expect(await readdir(bench.tmpDir)).toHaveLength(2);
    expect(bench.converter.jobs.map(({ priority }) => priority)).toEqual(['background', 'background']);
    bench.converter.start.open();
    await until(() => bench.background.size === 0, 'all are up to date');
    for (const key of KEYS) expect((await bench.catalog.find(key))?.source.sequenceId).toBe(bench.sequence.id);
    expect(bench.converter.jobs).toHaveLength(KEYS.length);
  });

  it('that is waited for is bounded, and who is beyond the bound gets what there is', async () => {
    const choices = KEYS.map(async (key, n) =>
      bench.service.cacheAndChoose(key, SMALL, await bench.upload(`source ${n}`)),
    );
    bench.converter.failure = { error: new ProofsheetError('overloaded', 'no room'), at: 'rest' };
    await Promise.all(choices);
    await until(() => bench.background.size === 0, 'the rest was refused');
    bench.converter.failure = undefined;
    bench.converter.start.shut();
    const reads = KEYS.map((key) => bench.service.choose(key, LARGE));
    await until(() => bench.converter.start.held === 32, 'as many as may');
    expect(await readdir(bench.tmpDir)).toHaveLength(32);
    bench.converter.start.open();
    const formats = (await Promise.all(reads)).map(({ preview }) => preview.formats[0]);
    expect(formats.filter((format) => format === 'auto:800x800')).toHaveLength(32);
    expect(formats.filter((format) => format === 'auto:200x150')).toHaveLength(KEYS.length - 32);
  });
});
