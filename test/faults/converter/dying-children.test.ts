// A converter child that dies, hangs or answers nonsense, at every stage of a conversion: that conversion fails by a name
// of its own, its neighbours and the next one succeed, no file stays, and the pool is whole again as soon as a
// child has started.
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { Converting } from '../../support/converting.js';
import { until } from '../../support/gate.js';
import { ENCODED, image, photo } from '../../support/images.js';

const BABBLING = fileURLToPath(new URL('../../support/children/babbling.mjs', import.meta.url));
const FORMATS = ['auto:10x10', 'auto:20x20'] as const;
/** Far more than anything here takes, also on a busy machine. */
const AMPLE_MS = 60_000;
/** Where a child is to meet its deadline; its neighbours need a tenth of it. */
const SHORT_MS = 2_000;

let converting: Converting;
afterEach(() => converting.close());

async function nameOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof ProofsheetError ? error.code : String(error)),
  );
}

const convert = (what: string) => converting.convert(Buffer.from(what), FORMATS, { wanted: 'auto:10x10' });

async function expectCostOfOne(what: string, names: readonly string[], timeoutMs = AMPLE_MS): Promise<void> {
  converting = await Converting.start({ children: 2, childProgram: BABBLING, timeoutMs });
  const startMs = await msUntilWhole();
  const [bad, neighbour, next] = await Promise.all([nameOf(convert(what)), convert('none good'), convert('none good')]);
  expect(names).toContain(bad);
  expect([neighbour.previews.length, next.previews.length]).toEqual([2, 2]);
  expect(await msUntilWhole()).toBeLessThan(wholeWithinMs(startMs));
  expect((await convert('none good')).previews).toHaveLength(2);
  // Of the three that went well; those belong to their caller.
  expect(await converting.leftovers()).toHaveLength(3);
  expect(await converting.metrics.gaugeSamples('in_flight_bytes')).toEqual([{ value: 0 }]);
}

async function msUntilWhole(): Promise<number> {
  const since = performance.now();
  await until(() => converting.pool.readyChildren === 2, 'both children are ready');
  return performance.now() - since;
}

/** No pause before it is replaced: several times what starting both took, which a busy machine may take for one. */
function wholeWithinMs(startMs: number): number {
  return Math.max(5_000, 5 * startMs);
}

const STAGES = ['reading', 'waiting', 'decoding', 'wanted', 'writing'] as const;

describe.each(STAGES)('while %s', (stage) => {
  it.each(['kill', 'segv', 'abort', 'exit'])('%s: the image cannot be decoded', (deed) =>
    expectCostOfOne(`${stage} ${deed}`, ['source-undecodable']),
  );

  it('taking memory without end: ended for that, long before its deadline', async () => {
    await expectCostOfOne(`${stage} hoard`, ['source-limits-exceeded']);
    expect(converting.metrics.total('converter_exits_total')).toBe(1);
    expect(converting.metrics.total('converter_exits_total', { reason: 'memory' })).toBe(1);
  });

  it.each(['stop', 'spin'])('%s: killed at the deadline', (deed) =>
    expectCostOfOne(`${stage} ${deed}`, ['conversion-timeout'], SHORT_MS),
  );
});

describe.each(['reading', 'decoding'] as const)('nonsense while %s', (stage) => {
  it.each(['text', 'unknown', 'other', 'ready', 'outside', 'upwards', 'empty', 'cost', 'type', 'many', 'missing'])(
    '%s: ended, the image cannot be decoded',
    (deed) => expectCostOfOne(`${stage} ${deed}`, ['source-undecodable']),
  );
});

describe('while idle', () => {
  it.each(['kill', 'segv', 'exit', 'text', 'unknown', 'other', 'ready'])(
    '%s: nobody notices, and the child is replaced',
    async (deed) => {
      converting = await Converting.start({ children: 1, childProgram: BABBLING, timeoutMs: AMPLE_MS });
      await until(() => converting.pool.readyChildren === 1, 'the child is ready');
      const [pid] = converting.pool.pids;
      expect((await convert(`idle ${deed}`)).previews).toHaveLength(2);
      await until(() => converting.pool.readyChildren === 1 && converting.pool.pids[0] !== pid, 'it was replaced');
      expect((await convert('none good')).previews).toHaveLength(2);
    },
  );
});

describe('a real child', () => {
  let large: Buffer;
  let small: Buffer;
  beforeAll(async () => {
    large = await image(await photo(2_400, 1_600))
      .png({ compressionLevel: 1 })
      .toBuffer();
    small = await ENCODED.jpeg(await photo(400, 300));
  });

  it.each(['SIGKILL', 'SIGSEGV', 'SIGABRT', 'SIGBUS'] as const)('that gets %s while it decodes', async (signal) => {
    converting = await Converting.start({ children: 2 });
    const startMs = await msUntilWhole();
    const before = converting.pool.pids;
    const bad = nameOf(converting.convert(large, ['auto:800x800', 'auto:200x150']));
    await until(() => converting.metrics.observations('queue_wait_seconds').length === 1, 'it began');
    process.kill(before[0] ?? Number.NaN, signal);
    expect((await converting.convert(small, ['auto:200x150'])).previews).toHaveLength(1);
    expect(await bad).toBe('source-undecodable');
    expect(await msUntilWhole()).toBeLessThan(wholeWithinMs(startMs));
    expect(converting.pool.pids).toContain(before[1]);
    expect(await converting.leftovers()).toHaveLength(1);
  });
});
