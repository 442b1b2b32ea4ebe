// Processor time of a conversion against its floor and against one pipeline per preview, all in this process and run.
// Run after `npm run build`: node test/bench/convert-cpu.mjs [rounds]. Prints ratios; absolute times are of this machine.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { convertSource, WorkTally } from '../../dist/convert/convert-source.js';
import { ALLOCATOR_ENVIRONMENT } from '../../dist/convert/converter-child.js';
import { DEFAULT_TARGET_FORMATS, largestRaster, planSequence, sequenceOf } from '../../dist/kernel/sequence.js';
import { corpus } from './convert-corpus.mjs';

// As in a converter child, for ours and for what it is compared with.
if (process.env.MALLOC_MMAP_THRESHOLD_ === undefined) {
  const env = { ...process.env, ...ALLOCATOR_ENVIRONMENT };
  process.exit(spawnSync(process.execPath, process.argv.slice(1), { env, stdio: 'inherit' }).status ?? 1);
}

const rounds = Number(process.argv[2] ?? 5);
const { formats } = sequenceOf(DEFAULT_TARGET_FORMATS);
const settings = {
  sourceTypes: ['jpeg', 'png', 'gif', 'webp', 'tiff', 'avif'],
  maxSourcePixels: 268_000_000,
  maxPages: 100,
};
sharp.cache(false);
sharp.concurrency(1);

const encoders = {
  jpg: (image) => image.jpeg({ quality: 75 }),
  png: (image) => image.png({ compressionLevel: 7, palette: false }),
};

/** User and system time of all threads of this process while `work` runs, ms. */
async function cpuMs(work) {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const geometricMean = (values) => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

const directory = await mkdtemp(join(tmpdir(), 'convert-cpu-'));
const rows = [];
try {
  for (const { name, bytes, alphaUsed } of await corpus()) {
    const sourcePath = join(directory, 'source');
    await writeFile(sourcePath, bytes);
    let conversion;
    const convert = async () => {
      const outputDir = await mkdtemp(join(directory, 'out-'));
      conversion = await convertSource(
        { sourcePath, formats, outputDir },
        settings,
        { admit: async () => {}, wantedReady: () => {} },
        new WorkTally(),
      );
    };
    await convert();
    const plan = planSequence(conversion.info, alphaUsed, formats);
    const size = (planned) => [planned.geometry.scaled.widthPx, planned.geometry.scaled.heightPx, { fit: 'fill' }];
    const largest = largestRaster(plan);
    const decode = () => sharp(bytes).resize(largest.widthPx, largest.heightPx, { fit: 'fill' }).raw().toBuffer();
    const ready = await Promise.all(
      plan.map((planned) =>
        sharp(bytes)
          .resize(...size(planned))
          .raw()
          .toBuffer({ resolveWithObject: true }),
      ),
    );
    const encodeAll = async () => {
      for (const [index, planned] of plan.entries()) {
        const { data, info } = ready[index];
        await encoders[planned.type](
          sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } }),
        ).toBuffer();
      }
    };
    const pipelines = async () => {
      for (const format of formats) {
        const [planned] = planSequence(conversion.info, alphaUsed, [format]);
        await encoders[planned.type](sharp(bytes).resize(...size(planned))).toBuffer();
      }
    };
    const times = { ours: [], floor: [], each: [] };
    for (let round = 0; round < rounds; round++) {
      times.ours.push(await cpuMs(convert));
      times.floor.push((await cpuMs(decode)) + (await cpuMs(encodeAll)));
      times.each.push(await cpuMs(pipelines));
    }
    const [ours, floor, each] = [median(times.ours), median(times.floor), median(times.each)];
    rows.push({ name, ours, floor, each, toFloor: ours / floor, toEach: ours / each });
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}

console.log(
  `${availableParallelism()} cores, Node ${process.versions.node}, sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}; medians of ${rounds}`,
);
console.log('source'.padEnd(24), 'ours ms', 'floor ms', 'each ms', 'to floor', 'to each');
for (const { name, ours, floor, each, toFloor, toEach } of rows) {
  console.log(
    name.padEnd(24),
    ...[ours, floor, each].map((ms) => ms.toFixed(0).padStart(7)),
    toFloor.toFixed(2).padStart(9),
    toEach.toFixed(2).padStart(7),
  );
}
console.log(
  'geometric mean'.padEnd(48),
  geometricMean(rows.map((row) => row.toFloor))
    .toFixed(3)
    .padStart(9),
  geometricMean(rows.map((row) => row.toEach))
    .toFixed(3)
    .padStart(7),
);
