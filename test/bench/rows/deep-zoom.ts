// Rows 61 to 63: making a pyramid, its bytes, and a tile that is hot, against what libvips and nginx do with files.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConverter } from '../../../src/convert/converter-pool.js';
import { parseContext } from '../../../src/kernel/image-key.js';
import { systemClock } from '../../../src/telemetry/clock.js';
import { createLogger } from '../../../src/telemetry/logger.js';
import { ProcessMetrics } from '../../../src/telemetry/metrics.js';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { run } from '../../support/processes.js';
import { requireTool } from '../../support/tools.js';
import { alternate, type Comparison, compare } from '../comparison.js';
import { load } from '../load.js';
import { startNginx } from '../nginx.js';
import { startOurs, warm } from '../ours.js';
import { cpuMs, processTree } from '../process-tree.js';
import { startPeer, withServers } from '../processes.js';
import type { RowGroup, RunOptions } from '../row-group.js';
import { formOf, upload } from '../uploads.js';

/** Most that the processor time of ours may be of the peer's. */
const PICTURES = [
  { name: 'a 12 MP JPEG', widthPx: 4_000, heightPx: 3_000, mostCpu: 1.25 },
  { name: 'a 100 MP JPEG', widthPx: 12_000, heightPx: 8_400, mostCpu: 1.15 },
] as const;
const MOST_BYTES = 1.02;
const MIB = 1024 * 1024;
/** A whole tile of the full size. */
const TILE = 'dzi/_/photo_files/12/2_2.jpg';

export const deepZoom: RowGroup = {
  rows: [61, 62, 63],
  needs: ['vips', 'wrk', 'nginx'],
  async run(rows, options) {
    const found: Comparison[] = [];
    if (rows.includes(61) || rows.includes(62)) found.push(...(await making(options)));
    if (rows.includes(63)) found.push(...(await tileHits(options)));
    return found.filter(({ row }) => rows.includes(row));
  },
};

async function making(options: RunOptions): Promise<Comparison[]> {
  const vips = await requireTool('vips');
  const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-zoom-'));
  const converter = createConverter({
    children: 1,
    sourceTypes: ['jpeg'],
    maxSourcePixels: 268_435_456,
    maxPages: 100,
    timeoutMs: 600_000,
    memoryBudgetBytes: 2 * 1024 ** 3,
    maxQueue: 8,
    streams: true,
    logger: createLogger({ level: 'warn' }),
    metrics: new ProcessMetrics(),
    clock: systemClock,
  });
  const found: Comparison[] = [];
  try {
    for (const { name, widthPx, heightPx, mostCpu } of PICTURES) {
      const sourcePath = join(dir, 'source.jpg');
      const bytes = await encodedPhoto(widthPx, heightPx);
      await writeFile(sourcePath, bytes);
      const sizes = { ours: Number.NaN, vips: Number.NaN };
      const ours = async (): Promise<number> => {
        const outputDir = mkdtempSync(join(dir, 'out-'));
        const zoom = { kind: 'pyramid', type: 'jpg', page: 1, size: { widthPx, heightPx } } as const;
        const job = {
          sourcePath,
          sourceBytes: bytes.length,
          formats: [],
          zoom,
          priority: 'medium',
          outputDir,
        } as const;
        const cpu = await cpuOfTree(async () => {
          const { previews } = await converter.convert({ ...job, context: parseContext('') });
          sizes.ours = previews[0]?.bytes ?? Number.NaN;
        });
        rmSync(outputDir, { recursive: true });
        return cpu;
      };
      const files = async (): Promise<number> => {
        const out = join(dir, 'vips');
        const cut = ['--tile-size', '512', '--overlap', '0', '--suffix', '.jpg[Q=85]'];
        const cpu = await cpuOfEnded(() => run(vips, ['dzsave', sourcePath, out, ...cut]));
        sizes.vips = await bytesBelow(`${out}_files`);
        rmSync(`${out}_files`, { recursive: true });
        rmSync(`${out}.dzi`);
        return cpu;
      };
      const results = await alternate(options.rounds, { ours, files });
      const what = `the pyramid of ${name}, checked and in one file`;
      const mine = { name: 'Proofsheet', values: results.ours };
      const peer = { name: 'vips dzsave', values: results.files };
      found.push(compare(61, what, 'ms CPU', mine, peer, { rule: 'at most', value: mostCpu }));
      const size = (of: string, value: number) => ({ name: of, values: [value / MIB] });
      const bound = { rule: 'at most', value: MOST_BYTES } as const;
      found.push(
        compare(
          62,
          `its bytes, ${name}`,
          'MiB',
          size('Proofsheet', sizes.ours),
          size('vips dzsave', sizes.vips),
          bound,
        ),
      );
    }
  } finally {
    await converter.close();
    await rm(dir, { recursive: true, force: true });
  }
  return found;
}

async function tileHits(options: RunOptions): Promise<Comparison[]> {
  const env = { PROOFSHEET_DIALECTS: 'image-converter,dzi', PROOFSHEET_ZOOM_WAIT_MS: '60000' };
  return withServers([startOurs({ env })], async (ours) => {
    await upload(ours, 'cacheImage/photo', formOf(await encodedPhoto(4_000, 3_000)));
    const url = `${ours.origin}/${TILE}`;
    const bytes = Buffer.from(await (await warm(url)).arrayBuffer());
    const nginx = startNginx({ binary: await requireTool('nginx'), files: { 'tile.jpg': bytes }, workers: 1 });
    return withServers([nginx, startPeer('bare-http.mjs', { ORIGIN: url })], async (peer, floor) => {
      const rate = async (of: string): Promise<number> =>
        (await load({ url: of, seconds: options.seconds })).requestsPerSecond;
      const results = await alternate(options.rounds, {
        ours: () => rate(url),
        nginx: () => rate(`${peer.origin}/tile.jpg`),
        floor: () => rate(floor.origin),
      });
      const what = `a tile from memory, ${bytes.length} B, one worker`;
      const mine = { name: 'Proofsheet', values: results.ours };
      const files = { name: 'nginx', values: results.nginx };
      const bare = { name: 'node:http', values: results.floor };
      // Of nginx no more is to be had than bare node:http has; of that as much as any hit has (rows 1 and 4).
      return [
        compare(63, what, 'requests/s', mine, files, { rule: 'at least', value: 0.6 }, bare),
        compare(63, what, 'requests/s', mine, bare, { rule: 'at least', value: 0.9 }),
      ];
    });
  });
}

/** Processor time of this process and its children during `work`, ms. */
async function cpuOfTree(work: () => Promise<unknown>): Promise<number> {
  const tree = await processTree(process.pid);
  const before = await Promise.all(tree.map(cpuMs));
  await work();
  const after = await Promise.all(tree.map(cpuMs));
  return after.reduce((sum, ms, index) => sum + ms - (before[index] ?? 0), 0);
}

/** Processor time of processes that begin and end in `work`, ms: what the kernel adds up of children that were waited for. */
async function cpuOfEnded(work: () => Promise<unknown>): Promise<number> {
  const before = endedCpuMs();
  await work();
  return endedCpuMs() - before;
}

/** Fields 16 and 17 of proc(5), in ticks of 10 ms. */
function endedCpuMs(): number {
  const fields = readFileSync('/proc/self/stat', 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return 10 * (Number(fields[13]) + Number(fields[14]));
}

async function bytesBelow(dir: string): Promise<number> {
  const names = await readdir(dir, { recursive: true });
  const sizes = await Promise.all(names.map(async (name) => stat(join(dir, name))));
  return sizes.reduce((sum, of) => sum + (of.isFile() ? of.size : 0), 0);
}
