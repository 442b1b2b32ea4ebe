// Heal, overwrite, upload, clear, evict, sweep and read of one key in random order on the embedded store, with kept sources and
// without. PROOFSHEET_TEST_SCHEDULES asks for more of them than a usual run has time for.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Catalog } from '../../../src/kernel/ports/catalog.js';
import { type Done, faultsOf } from '../../support/interleaving-model.js';
import { type Interleavings, openInterleavings, type Turn } from '../../support/interleavings.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const SCHEDULES = Number(process.env.PROOFSHEET_TEST_SCHEDULES ?? 150);
const STEPS = [
  'find',
  'findSource',
  'commit',
  'removeGroup',
  'remove',
  'evictGroups',
  'evictSources',
  'sweep',
] as const;

/** A step is one call of the catalog: on one machine each is a transaction. */
const byCalls = (turn: Turn) => ({
  seen: (catalog: Catalog): Catalog =>
    new Proxy(catalog, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        const call = value.bind(target) as (...args: unknown[]) => unknown;
        if (!STEPS.some((step) => step === name)) return call;
        return (...args: unknown[]) => turn(async () => call(...args));
      },
    }),
});

let dir: TempDir;
let interleavings: Interleavings | undefined;
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  await interleavings?.close();
  interleavings = undefined;
  await dir.remove();
});

it.each([
  ['with', true, true],
  ['without', false, true],
  ['made on demand, with', true, false],
])(
  '%s kept sources an acknowledged upload stays, and nothing is answered that was replaced',
  { timeout: 1_500_000 },
  async (_with, keepSource, preConvert) => {
    interleavings = await openInterleavings([{ dataDir: dir.path, keepSource, preConvert, onSteps: byCalls }]);
    await expect(interleavings.run(SCHEDULES)).resolves.toBeUndefined();
  },
);

describe('the rules themselves', () => {
  const done = (what: Done['what'], started: number, ended: number, more: Partial<Done> = {}): Done => ({
    what,
    started,
    ended,
    node: 0,
    value: what === 'overwrite' ? 'red' : undefined,
    stored: what === 'overwrite',
    ...more,
  });
  const overwrite = done('overwrite', 2, 3);
  const again = done('upload again', 4, 5, { value: 'old', stored: true });

  const beside = done('upload again', 1, 5, { value: 'old', stored: true });

  it.each([
    ['an overwrite is lost', [overwrite], undefined, 1],
    ['to a read', [overwrite, done('read', 1, 9)], undefined, 1],
    ['to eviction, which has older groups to take', [overwrite, done('evict', 1, 9)], undefined, 1],
    ['to a clear before it', [done('clear', 0, 1), overwrite], undefined, 1],
    ['to a clear at the same time: allowed', [done('clear', 0, 4), overwrite], undefined, 0],
    ['old bytes come back', [overwrite], 'old', 1],
    ['after a clear', [done('clear', 0, 1)], 'old', 1],
    ['an upload that had to keep what was there', [overwrite, again], 'old', 1],
    ['and did', [overwrite, again], 'red', 0],
    ['nor one at the same time as the overwrite', [overwrite, beside], 'old', 1],
    ['but for a clear between them', [overwrite, done('clear', 2.5, 3.5), beside], 'old', 0],
    ['an upload after a clear', [overwrite, done('clear', 3.4, 3.6), again], 'old', 0],
    ['an upload that eviction took what it found', [again, done('evict', 4.5, 6)], undefined, 0],
    ['but not before', [done('evict', 1, 2), again], undefined, 1],
    ['nothing was acknowledged: a lost group may go', [done('read', 0, 1)], undefined, 0],
    ['a read on the same node', [overwrite, done('read', 4, 5, { value: 'old' })], 'red', 1],
    ['a read on another', [overwrite, done('read', 4, 5, { value: 'old', node: 1 })], 'red', 0],
    ['a read of what is not written yet', [done('read', 0, 1, { value: 'red' }), overwrite], 'red', 1],
  ] as const)('%s', (_what, actions, last, faults) => {
    expect(faultsOf(actions, last)).toHaveLength(faults);
  });
});
