// Rows 9 and 10: how long somebody waits for the first preview of a large picture, and for a whole sequence.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import v8 from 'node:v8';
import vm from 'node:vm';
import sharp from 'sharp';
import { convertSource, WorkTally } from '../../../src/convert/convert-source.js';
import { sequenceOf } from '../../../src/kernel/sequence.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import { alternate, type Comparison, compare, median } from '../comparison.js';
import { jpegOfBytes, largeJpeg, newJpeg } from '../corpus.js';
import { type Ours, startOurs } from '../ours.js';
import { withServers } from '../processes.js';
import type { RowGroup, RunOptions } from '../row-group.js';
import { formOf, upload } from '../uploads.js';

const { formats } = sequenceOf(DEFAULT_TARGET_FORMATS);
const WARM_UPLOADS = 30;
const TAKES = 5;

export const wall: RowGroup = {
  rows: [9, 10],
  needs: [],
  run: (rows, options) =>
    withServers([startOurs()], async (ours) => {
      const found: Comparison[] = [];
      await warmUp(ours);
      if (rows.includes(9)) found.push(await firstPreview(ours, options));
      if (rows.includes(10)) found.push(await wholeSequence(ours, options));
      return found;
    }),
};

/** A server that has run for a while: its code for uploads is compiled, and its buffers are in use. */
async function warmUp(ours: Ours): Promise<void> {
  const jpeg = await largeJpeg();
  for (let at = 0; at < WARM_UPLOADS; at++) {
    await upload(ours, `cacheAndGetImage/warm-${at}/auto:200x150`, formOf(newJpeg(jpeg, `warm-${at}`)));
    await (await fetch(ours.url(`getImage/warm-${at}/auto:1920x1080`))).arrayBuffer();
  }
}

async function firstPreview(ours: Ours, { rounds }: RunOptions): Promise<Comparison> {
  const jpeg = await largeJpeg();
  // All cores for the peer, as sharp does it when nobody says otherwise.
  sharp.concurrency(availableParallelism());
  const forms = formsOf(jpeg, 'first', rounds);
  const first = async (): Promise<number> => {
    const { key, form } = forms.next();
    const elapsed = await timed(() => upload(ours, `cacheAndGetImage/${key}/auto:200x150`, form));
    // The rest of the sequence is made in the background: it must be over before the next measurement.
    await (await fetch(ours.url(`getImage/${key}/auto:1920x1080`))).arrayBuffer();
    return elapsed;
  };
  const thumbnail = (): Promise<number> =>
    timed(() => sharp(jpeg).resize(200, 150, { fit: 'inside' }).jpeg({ quality: 75 }).toBuffer());
  const results = await alternate(rounds, { ours: () => usual(first), sharp: () => usual(thumbnail) });
  const what = `first 200x150 of a new 24 MP JPEG (${(jpeg.length / 1e6).toFixed(1)} MB), upload included`;
  const peer = { name: 'sharp in process', values: results.sharp };
  const mine = { name: 'Proofsheet', values: results.ours };
  return compare(9, what, 'ms', mine, peer, { rule: 'at most', value: 1.5 });
}

async function wholeSequence(ours: Ours, { rounds }: RunOptions): Promise<Comparison> {
  const jpeg = await jpegOfBytes(4000, 3000, 5_000_000);
  const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-wall-'));
  const sourcePath = join(dir, 'source');
  await writeFile(sourcePath, jpeg);
  // As in a converter child.
  sharp.cache(false);
  sharp.concurrency(1);
  const settings = {
    sourceTypes: ['jpeg'],
    maxSourcePixels: 268_435_456,
    maxPages: 100,
    timeoutMs: 30_000,
    auto: 'adaptive',
    flush: false,
  } as const;
  const convert = async (): Promise<number> => {
    const outputDir = await mkdtemp(join(dir, 'out-'));
    const steps = { admit: async () => {}, wantedReady: () => {} };
    return timed(() =>
      convertSource({ sourcePath, formats, outputDir, encodesAtOnce: 1 }, settings, steps, new WorkTally()),
    );
  };
  const forms = formsOf(jpeg, 'whole', rounds);
  const cache = (): Promise<number> => {
    const { key, form } = forms.next();
    return timed(() => upload(ours, `cacheImage/${key}`, form));
  };
  try {
    const results = await alternate(rounds, { ours: () => usual(cache), conversion: () => usual(convert) });
    const what = `cacheImage of a ${(jpeg.length / 1e6).toFixed(1)} MB JPEG (12 MP) over HTTP`;
    const peer = { name: 'conversion in process', values: results.conversion };
    const mine = { name: 'Proofsheet', values: results.ours };
    return compare(10, what, 'ms', mine, peer, { rule: 'at most', value: 1.15 });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Forms of new sources for all rounds. Made beforehand: what they leave for this process's collector would be in the way. */
function formsOf(
  jpeg: Buffer,
  name: string,
  rounds: number,
): { next(): { readonly key: string; readonly form: Buffer } } {
  // Every contender runs once unmeasured.
  const made = Array.from({ length: (rounds + 1) * TAKES }, (_, index) => {
    const key = `${name}-${index}`;
    return { key, form: formOf(newJpeg(jpeg, key)) };
  });
  collectGarbage();
  return {
    next() {
      const form = made.pop();
      if (form === undefined) throw new Error(`expected ${rounds} rounds of ${TAKES} takes, got more`);
      return form;
    },
  };
}

/** What the making of pictures has left would be marked and swept beside the measurement, on the core that the server needs. */
function collectGarbage(): void {
  v8.setFlagsFromString('--expose-gc');
  (vm.runInNewContext('gc') as () => void)();
}

/** The median of a round's takes: one alone may meet whatever else the machine does. */
async function usual(take: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let index = 0; index < TAKES; index++) values.push(await take());
  return median(values);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
