// Random interleavings of the use cases on one key: every step that the catalog is asked for waits for its turn, which a seeded
// scheduler gives. What was acknowledged must be there in the end, whatever found a loss meanwhile.
import fc from 'fast-check';
import type { Context, ImageKey } from '../../src/kernel/image-key.js';
import type { Catalog } from '../../src/kernel/ports.js';
import { openPreviewBench, type PreviewBench, type PreviewBenchOptions, SMALL } from './preview-bench.js';

const STEPS = ['find', 'findSource', 'commit', 'removeGroup', 'remove', 'evictGroups', 'evictSources'] as const;
const CONTEXT = '' as Context;

const action = fc.oneof(
  { weight: 4, arbitrary: fc.constant('read' as const) },
  { weight: 2, arbitrary: fc.constant('overwrite' as const) },
  { weight: 2, arbitrary: fc.constant('upload again' as const) },
  { weight: 1, arbitrary: fc.constant('clear' as const) },
  { weight: 1, arbitrary: fc.constant('evict' as const) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

export interface Interleavings {
  /** Runs `count` schedules; throws the smallest that loses something, with its seed. */
  run(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens the use cases on a store, without kept sources: what loses its previews can be healed by an upload alone. */
export async function openInterleavings(
  options: Pick<PreviewBenchOptions, 'dataDir' | 'shared'>,
): Promise<Interleavings> {
  let turn: (what: string) => Promise<unknown> = () => Promise.resolve();
  const seen = (catalog: Catalog): Catalog =>
    new Proxy(catalog, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        const call = value.bind(target) as (...args: unknown[]) => unknown;
        if (!STEPS.some((step) => step === name)) return call;
        return (...args: unknown[]) => turn(String(name)).then(() => call(...args));
      },
    });
  const bench = await openPreviewBench({ ...options, keepSource: false, seen });
  let runs = 0;

  async function lose(key: ImageKey): Promise<void> {
    const entry = await bench.catalog.find({ context: CONTEXT, imageKey: key });
    for (const preview of entry?.source.previews ?? []) await bench.tiered.delete(preview.digest);
  }

  async function schedule(scheduler: fc.Scheduler, actions: readonly Action[]): Promise<void> {
    const key = `key ${runs++}` as ImageKey;
    const ref = { context: CONTEXT, imageKey: key };
    turn = () => Promise.resolve();
    // A known source: overwriting with it is a commit alone, as quick as what a reader does about a loss.
    await bench.service.cache({ ...ref, imageKey: 'kept' as ImageKey }, await bench.upload('new'));
    await bench.service.cache(ref, await bench.upload(`old ${key}`));
    await lose(key);
    turn = (what) => scheduler.schedule(Promise.resolve(), what);
    const acting = actions.map((what) => act(bench, ref, what));
    const outcomes = await scheduler.waitFor(Promise.all(acting));
    turn = () => Promise.resolve();
    const isStored = outcomes.includes('stored');
    const mayBeGone = actions.some((what) => what === 'clear' || what === 'evict');
    const found = await bench.catalog.find(ref);
    if (found === undefined && isStored && !mayBeGone) throw new Error('an acknowledged upload is not in the catalog');
    if (found === undefined || !isStored) return;
    const { bytes } = await bench.service.read(await bench.service.choose(ref, SMALL));
    if (!/ of (?:old key|new)/.test(bytes.toString())) throw new Error('other bytes than were uploaded');
  }

  return {
    run: (count) =>
      fc.assert(fc.asyncProperty(fc.scheduler(), fc.array(action, { minLength: 2, maxLength: 7 }), schedule), {
        numRuns: count,
        interruptAfterTimeLimit: 1_200_000,
        markInterruptAsFailure: true,
      }),
    close: () => bench.close(),
  };
}

/** What somebody does at the same time as others; a refusal is an outcome. */
async function act(
  { service, catalog, upload }: PreviewBench,
  ref: { readonly context: Context; readonly imageKey: ImageKey },
  what: Action,
): Promise<'stored' | 'other'> {
  switch (what) {
    case 'read':
      await service
        .choose(ref, SMALL)
        .then((choice) => service.read(choice))
        .catch(passing);
      return 'other';
    case 'overwrite':
      await service.cache(ref, await upload('new'));
      return 'stored';
    case 'upload again':
      return service
        .cacheAndChoose(ref, SMALL, await upload(`old ${ref.imageKey}`))
        .then(() => 'stored' as const)
        .catch((error: unknown) => {
          passing(error);
          return 'other' as const;
        });
    case 'clear':
      await service.clear(ref);
      return 'other';
    case 'evict':
      await catalog.evictGroups(1);
      return 'other';
  }
}

/** A group that is gone, or lost its source, is no fault of the store; anything else is. */
function passing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'unknown-image-key')) throw error;
}
