// A tenant that uploads and imports has one share of conversions, not one for each way.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { placesOf } from '../../../src/convert/places.js';
import { type Context, type ImageKey, libraryContextOf } from '../../../src/kernel/image-key.js';
import { until } from '../../support/gate.js';
import { openPreviewBench, type PreviewBench } from '../../support/preview-bench.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const TENANT = 'tenant' as Context;

let dir: TempDir;
let bench: PreviewBench;
beforeEach(async () => {
  dir = await tempDir();
  bench = await openPreviewBench({ dataDir: dir.path, contextMaxConversions: 1 });
});
afterEach(async () => {
  await bench.close();
  await dir.remove();
});

test('an import of a context counts to its conversions, as its uploads do', async () => {
  bench.converter.start.shut();
  const cache = async (context: Context, text: string) =>
    bench.service.cache({ context, imageKey: text as ImageKey }, await bench.upload(text));
  const importing = cache(libraryContextOf(TENANT), 'imported');
  await until(() => bench.converter.jobs.length === 1, 'the first conversion');
  await expect(cache(TENANT, 'uploaded')).rejects.toMatchObject({ code: 'over-quota' });
  bench.converter.start.open();
  await importing;
  expect(bench.converter.jobs).toHaveLength(1);
});

test('and waits for a converter in the turns of that context', () => {
  const [imported, joined] = [libraryContextOf(TENANT), libraryContextOf('other' as Context)];
  const others = {
    each: (tell: (place: { priority: 'medium'; context: Context }) => void) => {
      tell({ priority: 'medium', context: joined });
      return () => undefined;
    },
  };
  const places = placesOf({ priority: 'instant', context: imported, joined: others });
  expect(places.map(({ context }) => context)).toEqual([TENANT, 'other']);
});
