// Rows 17 and 18: what an upload of a small source costs: processor time of the server's own process, and of all its processes,
// against the same conversion in one process, and against a sharp pipeline for each format of the sequence.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { ALLOCATOR_ENVIRONMENT } from '../../../src/convert/converter-child.js';
import { sequenceOf } from '../../../src/kernel/sequence.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import { image, photo } from '../../support/images.js';
import { startModule } from '../../support/processes.js';
import { alternate, type Comparison, compare } from '../comparison.js';
import { newJpeg } from '../corpus.js';
import { type Ours, startOurs } from '../ours.js';
import { cpuMs, treeCpuMs } from '../process-tree.js';
import { withServers } from '../processes.js';
import type { RowGroup, RunOptions } from '../row-group.js';
import { formOf, upload } from '../uploads.js';

const { formats } = sequenceOf(DEFAULT_TARGET_FORMATS);
const CLIENTS = 8;
/** /proc tells processor time to 10 ms only: a round is a second of it and more. */
const UPLOADS = 300;
const CONVERSIONS = 100;
const WARM_UPLOADS = 600;
const settings = {
  sourceTypes: ['jpeg', 'png'],
  maxSourcePixels: 268_435_456,
  maxPages: 100,
  auto: 'adaptive',
  flush: false,
} as const;
const atMost = (value: number) => ({ rule: 'at most', value }) as const;

/** Processor time of one upload, ms. */
interface Cost {
  readonly own: number;
  readonly all: number;
}

export const smallUploads: RowGroup = {
  rows: [17, 18],
  needs: [],
  async run(rows, options) {
    const jpeg = await image(await photo(300, 200, 3))
      .jpeg({ quality: 90 })
      .toBuffer();
    return (await withServers([startOurs()], (ours) => compareCosts(ours, jpeg, options))).filter(({ row }) =>
      rows.includes(row),
    );
  },
};

async function compareCosts(ours: Ours, jpeg: Buffer, { rounds, log }: RunOptions): Promise<Comparison[]> {
  const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-small-'));
  const sourcePath = join(dir, 'source');
  await writeFile(sourcePath, jpeg);
  const peer = startModule(new URL('../peers/in-process.mjs', import.meta.url).pathname, [], {
    execArgv: [],
    env: { ...process.env, ...ALLOCATOR_ENVIRONMENT },
    serialization: 'advanced',
  });
  const inProcess = async (repeats: number): Promise<number> => {
    const answered = once(peer, 'message') as Promise<[{ readonly cpuMs: number }]>;
    peer.send({ sourcePath, formats, dir, settings, repeats });
    return (await answered)[0].cpuMs;
  };
  // As in a converter child.
  sharp.cache(false);
  sharp.concurrency(1);
  const uploads = new Uploads(ours, jpeg);
  try {
    await once(peer, 'message');
    await uploads.run(WARM_UPLOADS);
    const results = await alternate(rounds, {
      ours: () => uploads.run(UPLOADS),
      converted: async () => both(await inProcess(CONVERSIONS)),
      naive: async () => both(await naive(jpeg, CONVERSIONS)),
    });
    const own = { name: 'Proofsheet', values: results.ours.map((cost) => cost.own) };
    const all = { name: 'Proofsheet', values: results.ours.map((cost) => cost.all) };
    const converted = { name: 'conversion in process', values: results.converted.map((cost) => cost.all) };
    const each = { name: 'a sharp pipeline each', values: results.naive.map((cost) => cost.all) };
    const what = `cacheImage of a 300x200 JPEG (${(jpeg.length / 1000).toFixed(0)} kB), ${CLIENTS} clients`;
    log(`  ${uploads.perSecond.toFixed(0)} uploads/s in the last round`);
    return [
      compare(17, `${what}: the server's own process`, 'ms CPU', own, converted, atMost(0.45)),
      compare(17, `${what}: all processes`, 'ms CPU', all, converted, atMost(1.6)),
      compare(18, `${what}: all processes`, 'ms CPU', all, each, atMost(0.8)),
    ];
  } finally {
    peer.kill();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Everything is done by one process. */
function both(ms: number): Cost {
  return { own: ms, all: ms };
}

class Uploads {
  private begun = 0;
  perSecond = 0;

  constructor(
    private readonly ours: Ours,
    private readonly jpeg: Buffer,
  ) {}

  /** New sources, from all clients at once. */
  async run(count: number): Promise<Cost> {
    const forms = Array.from({ length: count }, () => {
      const key = `small-${this.begun++}`;
      return { key, form: formOf(newJpeg(this.jpeg, key)) };
    });
    const [ownBefore, allBefore] = [await cpuMs(this.ours.pid), await treeCpuMs(this.ours.pid)];
    const startedAt = performance.now();
    const client = async (): Promise<void> => {
      for (let next = forms.pop(); next !== undefined; next = forms.pop())
        await upload(this.ours, `cacheImage/${next.key}`, next.form);
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    this.perSecond = (count * 1000) / (performance.now() - startedAt);
    const [own, all] = [await cpuMs(this.ours.pid), await treeCpuMs(this.ours.pid)];
    return { own: (own - ownBefore) / count, all: (all - allBefore) / count };
  }
}

/** A client that asks for every format of the sequence does not know which of them come to the same picture. */
async function naive(bytes: Buffer, repeats: number): Promise<number> {
  const before = process.cpuUsage();
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const { widthPx, heightPx, scaleType } of formats) {
      const fit = scaleType === 'cover' ? 'outside' : 'inside';
      await sharp(bytes).resize(widthPx, heightPx, { fit, withoutEnlargement: true }).jpeg({ quality: 75 }).toBuffer();
    }
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / repeats;
}
