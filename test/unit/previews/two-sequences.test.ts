// Servers with different sequences over one catalog, as a slowly rolled out change has them: each makes a record again once at most,
// each answers from its own previews, and what neither makes any more goes in the end.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseFormat } from '../../../src/kernel/format.js';
import { otherPreviews, ownPreviews, type Preview, recordFor, type SourceRecord } from '../../../src/kernel/source.js';
import { until } from '../../support/gate.js';
import { openPreviewBench, type PreviewBench } from '../../support/preview-bench.js';
import { groupRef } from '../../support/records.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const KEY = groupRef('key');
const LARGE = parseFormat('auto:1000x1000');

let dir: TempDir;
const benches: PreviewBench[] = [];
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  // The first one's catalog is the others' too.
  for (const bench of benches.splice(0).reverse()) await bench.close();
  await dir.remove();
});

async function server(large: string): Promise<PreviewBench> {
  const [first] = benches;
  const shared = first && { catalog: first.catalog, fair: first.catalog as never, blobs: first.blobs };
  const dataDir = `${dir.path}/${benches.length}`;
  const bench = await openPreviewBench({ dataDir, formats: ['auto:200x150', large], ...(shared && { shared }) });
  benches.push(bench);
  return bench;
}

const idle = (bench: PreviewBench) => until(() => bench.background.size === 0, 'nothing goes on');
const jobs = () => benches.reduce((sum, bench) => sum + bench.converter.jobs.length, 0);
async function answer(bench: PreviewBench): Promise<string> {
  const { preview } = await bench.service.choose(KEY, LARGE);
  await idle(bench);
  return preview.formats[0] ?? '';
}

it('each makes a record again once, and answers from what it made itself', async () => {
  const [a, b] = [await server('auto:800x800'), await server('auto:640x640')];
  await a.service.cache(KEY, await a.upload('a'));
  expect(await answer(b)).toBe('auto:800x800'); // Until its own is made.
  for (let round = 0; round < 5; round++)
    expect([await answer(a), await answer(b)]).toEqual(['auto:800x800', 'auto:640x640']);
  expect(jobs()).toBe(2);
});

it('an upload of what the other has made is no work either', async () => {
  const [a, b] = [await server('auto:800x800'), await server('auto:640x640')];
  for (let round = 0; round < 3; round++) {
    for (const bench of [a, b]) {
      await bench.service.cache(groupRef(`key ${round}`), await bench.upload('a'));
      const { proofsheet } = await bench.service.metadata(groupRef(`key ${round}`));
      expect(proofsheet.previews.map(({ format }) => format[0])).toEqual(
        bench.sequence.formats.map(({ text }) => text),
      );
    }
  }
  expect(jobs()).toBe(2);
});

it('three live side by side; what a fourth pushes out is swept', async () => {
  const [a, b, c] = [await server('auto:800x800'), await server('auto:640x640'), await server('auto:500x500')];
  await a.service.cache(KEY, await a.upload('a'));
  for (let round = 0; round < 3; round++) for (const bench of [a, b, c]) await answer(bench);
  expect(jobs()).toBe(3);
  const before = await a.catalog.usage();
  const d = await server('auto:400x400');
  await answer(d);
  expect(await answer(d)).toBe('auto:400x400');
  await a.upkeep.round();
  expect((await a.catalog.usage()).previewBytes).toBeLessThanOrEqual(before.previewBytes);
  for (const bench of [b, c]) await answer(bench);
  expect(jobs()).toBe(4);
});

describe('a record', () => {
  const preview = (format: string, sequenceId?: string) =>
    ({ formats: [format], ...(sequenceId && { sequenceId }) }) as Partial<Preview> as Preview;
  const record = (sequenceId: string, previews: SourceRecord['previews'], complete = true) =>
    ({ sequenceId, previews, complete }) as SourceRecord;

  it('is turned over to another of its sequences without losing one', () => {
    const mixed = record('b', [preview('1'), preview('2', 'a'), preview('3', 'c')]);
    const turned = recordFor(mixed, 'a');
    expect([turned.sequenceId, ownPreviews(turned).map(({ formats }) => formats[0])]).toEqual(['a', ['2']]);
    expect(turned.previews).toHaveLength(3);
    expect(ownPreviews(recordFor(turned, 'b')).map(({ formats }) => formats[0])).toEqual(['1']);
    expect(recordFor(mixed, 'z')).toBe(mixed);
  });

  it('that was not completed has nothing to keep of its own', () => {
    expect(otherPreviews(record('b', [preview('1'), preview('2', 'a')], false), 'c')).toEqual([preview('2', 'a')]);
  });
});
