// Of each type that libvips does not read itself, and of SVG, more than a hundred hostile files: cut at every 1/64, with numbers of
// their headers at their extremes, with parts twice, in a circle or missing; and what only that type can do. None harms the server.
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SOURCE_TYPES, type SourceType } from '../../../src/kernel/source.js';
import { HostileServer } from '../../support/hostile/hostile-server.js';
import { fuzzSeeds, type Seed } from '../../support/hostile/seeds.js';
import { typeBombs } from '../../support/hostile/type-bombs.js';
import { sourceForm } from '../../support/multipart.js';
import { cpuMsOf } from '../../support/processes.js';

const OF_THE_LIBRARY: readonly SourceType[] = ['jpeg', 'png', 'gif', 'webp', 'tiff', 'avif'];
const TYPES = SOURCE_TYPES.filter((type) => !OF_THE_LIBRARY.includes(type));
const PARTS = 64;
const AT_ONCE = 4;
/** A type of several kinds has each hostile file made of one of them, tomorrow of the next; `PROOFSHEET_TEST_HOSTILE=all` makes it of all. */
const ALL_KINDS = process.env.PROOFSHEET_TEST_HOSTILE === 'all';
const TODAY = Math.floor(Date.now() / 86_400_000);
/** A refusal in the contract's words, or a picture. */
const ANSWERS: readonly string[] = ['200 0', '413 4131', '415 4150', '422 4220'];
/** Of processor time, for one upload on average; decoders in wasm take some 100 ms to be started. */
const MOST_CPU_MS = 1_500;

let hostile: HostileServer;
let seeds: readonly Seed[];
beforeAll(async () => {
  seeds = await fuzzSeeds();
  hostile = await HostileServer.start({
    PROOFSHEET_SOURCE_TYPES: SOURCE_TYPES.join(','),
    PROOFSHEET_CONVERTERS: '2',
    PROOFSHEET_TARGET_FORMATS: 'auto:100x100',
  });
}, 120_000);
afterAll(() => hostile.close());

/** Numbers where readers' sums overflow or their loops do not end; the last one leads back to the start. */
const EXTREMES = [0xffffffff, 0x7fffffff, 0x80000000, 0x00010000, 0];

function* hostileFrom(whole: Buffer): Generator<Buffer> {
  for (let part = 1; part < PARTS; part++) yield whole.subarray(0, Math.floor((whole.length * part) / PARTS));
  // The front of a file, and every region of it: directories stand at the end of some.
  for (let index = 0; index < 40; index++) {
    const at = index < 20 ? 4 + index * 4 : Math.floor((whole.length * (index - 20)) / 20);
    const out = Buffer.from(whole);
    if (at + 4 > out.length) continue;
    const value = EXTREMES[index % EXTREMES.length] ?? 0;
    if (index % 2 === 0) out.writeUInt32BE(value, at);
    else out.writeUInt32LE(value, at);
    yield out;
  }
  const [third, middle] = [Math.floor(whole.length / 3), Math.floor(whole.length / 2)];
  yield Buffer.concat([whole, whole]);
  yield Buffer.concat([whole.subarray(0, middle), whole]);
  yield Buffer.concat([whole.subarray(0, third), whole.subarray(middle)]);
  yield Buffer.concat([whole.subarray(0, middle), whole.subarray(third, middle), whole.subarray(middle)]);
  yield Buffer.concat([whole.subarray(0, middle), Buffer.alloc(100_000), whole.subarray(middle)]);
  yield Buffer.concat([whole.subarray(0, 64), Buffer.alloc(1_000_000, 0xff)]);
  yield Buffer.concat([whole.subarray(0, 64), Buffer.alloc(1_000_000)]);
  yield Buffer.concat([whole, Buffer.alloc(2_000_000, 0x41)]);
}

/** How often converters have ended for what a source did to them, by reason. */
async function exits(): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const reason of ['crash', 'nonsense', 'timeout', 'memory'])
    counts[reason] = await hostile.metric('proofsheet_converter_exits_total', `reason="${reason}"`);
  return counts;
}

/** The answer to `source`; a server that has too much to do says when to come again, which is no answer to it. */
async function answerTo(source: Buffer, name: string) {
  const url = `${hostile.server.url}/cacheImage/${name}`;
  for (;;) {
    const answer = await fetch(url, {
      method: 'POST',
      body: sourceForm(source),
      signal: AbortSignal.timeout(120_000),
    });
    const { code, message } = (await answer.json()) as { readonly code: number; readonly message: string };
    if (answer.status !== 503) return { status: answer.status, code, message };
    await setTimeout(1_000 * Number(answer.headers.get('Retry-After') ?? Number.NaN));
  }
}

test.each(TYPES.map((type) => [type]))('%s', { timeout: 600_000 }, async (type) => {
  const kinds = seeds.filter((seed) => seed.type === type);
  expect(kinds.length).toBeGreaterThan(0);
  const files = kinds.flatMap(({ bytes }, kind) =>
    [...hostileFrom(bytes)].filter((_, at) => ALL_KINDS || (at + kind + TODAY) % kinds.length === 0),
  );
  const bombs = typeBombs(type, kinds[0]?.bytes ?? Buffer.alloc(0));
  expect(bombs.length).toBeGreaterThan(5);
  files.push(...bombs);
  expect(files.length).toBeGreaterThanOrEqual(100);
  const [before, exitsBefore] = [cpuMsOf(hostile.server.pid), await exits()];
  const strange: unknown[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < files.length; index = next++) {
      const { status, code, message } = await answerTo(files[index] ?? Buffer.alloc(0), `${type}-${index}`);
      if (!ANSWERS.includes(`${status} ${code}`)) strange.push([index, status, code, message]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  expect(strange).toEqual([]);
  expect((cpuMsOf(hostile.server.pid) - before) / files.length).toBeLessThan(MOST_CPU_MS);
  expect(await exits()).toEqual(exitsBefore);
  await hostile.expectUnharmed();
});
