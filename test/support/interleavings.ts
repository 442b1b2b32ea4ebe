// Random interleavings of the use cases on one key, on one node or several: every step that a store is asked for waits for its
// turn, which a seeded scheduler gives. What was acknowledged must be there in the end, whatever found a loss meanwhile, and
// every read must have been right at some moment of its own.
import fc from 'fast-check';
import type { Context, ImageKey } from '../../src/kernel/image-key.js';
import { type Done, faultsOf, type Value } from './interleaving-model.js';
import { openPreviewBench, type PreviewBench, type PreviewBenchOptions, SMALL } from './preview-bench.js';
import { Turns } from './turns.js';

const CONTEXT = '' as Context;
/** Groups that are used later than what stood there first, and earlier than whatever is written: eviction takes those. */
const FILLERS = 12;
/** One reader heals from a source that is gone when the other tries; an upload finds what the first one made. */
const HEALED_IN_TIME: Action[] = (['read', 'upload again', 'sweep', 'read', 'unkeep'] as const).map((what) => ({
  what,
  node: 0,
  value: 'red',
}));
/** The embedded store dates uses by seconds. */
const STEP_MS = 2_000;

const WHATS = ['read', 'overwrite', 'upload again', 'clear', 'evict', 'unkeep', 'sweep'] as const;
const WEIGHTS = { read: 5, overwrite: 3, 'upload again': 3, clear: 1, evict: 2, unkeep: 1, sweep: 1 };
type What = (typeof WHATS)[number];

interface Action {
  readonly what: What;
  readonly node: number;
  readonly value: 'red' | 'blue';
}

export interface Interleavings {
  /** Runs `count` schedules; throws the smallest that breaks a rule, with its seed. */
  run(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Does a step when it is its turn; those of all nodes wait together. */
export type Turn = <T>(step: () => Promise<T>) => Promise<T>;

export interface NodeOptions extends Pick<PreviewBenchOptions, 'dataDir' | 'shared' | 'keepSource' | 'preConvert'> {
  /** Time passes on the node's store; default: on its bench alone, which is the embedded store's. */
  readonly advance?: (ms: number) => void;
  /** Has each step of the node's store wait for `turn`. */
  readonly onSteps: (turn: Turn) => Pick<PreviewBenchOptions, 'seen'>;
}

/** Opens the use cases on each node. */
export async function openInterleavings(nodes: readonly NodeOptions[]): Promise<Interleavings> {
  const turns = new Turns();
  const benches: PreviewBench[] = [];
  for (const node of nodes)
    benches.push(await openPreviewBench({ ...node, ...node.onSteps((step) => turns.take(step)) }));
  const [first] = benches;
  if (first === undefined) throw new RangeError('expected a node, got none');
  const advance = (ms: number) => {
    for (const [at, bench] of benches.entries()) {
      bench.clock.advance(ms);
      nodes[at]?.advance?.(ms);
    }
  };
  let runs = 0;

  /** An old group that has lost its previews, then fillers; values that are known, so that an overwrite is a commit alone. */
  async function prepare(key: ImageKey): Promise<void> {
    await first?.catalog.remove({});
    advance(STEP_MS);
    const ref = { context: CONTEXT, imageKey: key };
    await first?.service.cache(ref, await first.upload(`old ${key}`));
    advance(STEP_MS);
    for (const value of ['red', 'blue']) {
      const imageKey = `${value} 0` as ImageKey;
      const { source } = (await first?.service.cache({ ...ref, imageKey }, await first.upload(value))) ?? {};
      if (source === undefined) continue;
      const groups = Array.from({ length: FILLERS / 2 }, (_, n) => ({
        ...ref,
        imageKey: `${value} ${n + 1}` as ImageKey,
        sourceDigest: source.digest,
      }));
      await first?.catalog.commit({ source, groups, existing: 'replace' });
    }
    advance(STEP_MS);
    const entry = await first?.catalog.find(ref);
    for (const { lose } of benches) for (const preview of entry?.source.previews ?? []) await lose(preview.digest);
  }

  async function schedule(seed: number, actions: readonly Action[]): Promise<void> {
    const key = `key ${runs++}` as ImageKey;
    await prepare(key);
    let now = 0;
    const acting = actions.map(({ what, node, value }) => async (): Promise<Done> => {
      const bench = benches[node % benches.length] ?? first;
      const started = now++;
      advance(STEP_MS);
      const outcome = await act(bench as PreviewBench, key, what, value);
      return { what, node: node % benches.length, started, ended: now++, ...outcome };
    });
    const done = await turns.run(seed, acting);
    const last = await finalValue(benches, key);
    const faults = faultsOf(done, last);
    if (faults.length > 0) throw new Error(`${faults.join('; ')}: ${JSON.stringify({ last, done })}`);
  }

  const action = fc.record({
    what: fc.oneof(...WHATS.map((what) => ({ weight: WEIGHTS[what], arbitrary: fc.constant(what) }))),
    node: fc.nat({ max: nodes.length - 1 }),
    value: fc.constantFrom('red' as const, 'blue' as const),
  });
  return {
    run: (count) =>
      fc.assert(fc.asyncProperty(fc.noShrink(fc.nat()), fc.array(action, { minLength: 2, maxLength: 7 }), schedule), {
        numRuns: count,
        examples: [[936048923, HEALED_IN_TIME]],
        interruptAfterTimeLimit: 1_200_000,
        markInterruptAsFailure: true,
      }),
    close: async () => {
      for (const bench of benches) await bench.close();
    },
  };
}

/** What every node answers once all is quiet: the same, so whatever news was on its way has been heard. */
async function finalValue(benches: readonly PreviewBench[], key: ImageKey): Promise<Value> {
  for (let attempts = 0; ; attempts++) {
    const values: Value[] = [];
    for (const bench of benches) values.push(await readValue(bench, key));
    if (new Set(values).size === 1) return values[0];
    if (attempts === 100) throw new Error(`the nodes answer differently for good: ${values.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** `undefined`: nothing is there, or what there was has lost its previews and its source. */
async function readValue({ service }: PreviewBench, imageKey: ImageKey): Promise<Value> {
  try {
    const { bytes } = await service.read(await service.choose({ context: CONTEXT, imageKey }, SMALL));
    const [, value] = / of (old key|red|blue)/.exec(bytes.toString()) ?? [];
    if (value === undefined) throw new Error(`other bytes than were uploaded: ${bytes.toString()}`);
    return value === 'old key' ? 'old' : (value as Value);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'unknown-image-key') return undefined;
    throw error;
  }
}

/** What somebody does at the same time as others. */
async function act(
  bench: PreviewBench,
  imageKey: ImageKey,
  what: What,
  value: 'red' | 'blue',
): Promise<Pick<Done, 'value' | 'stored'>> {
  const { service, catalog, upload } = bench;
  const ref = { context: CONTEXT, imageKey };
  switch (what) {
    case 'read':
      return { value: await readValue(bench, imageKey), stored: false };
    case 'overwrite':
      await service.cache(ref, await upload(value));
      return { value, stored: true };
    case 'upload again':
      try {
        await service.cacheAndChoose(ref, SMALL, await upload(`old ${imageKey}`));
        return { value: 'old', stored: true };
      } catch (error) {
        // A group that is gone, or lost its source, is no fault of the store; anything else is.
        if (!(error instanceof Error && 'code' in error && error.code === 'unknown-image-key')) throw error;
        return { value: 'old', stored: false };
      }
    case 'clear':
      await service.clear(ref);
      break;
    case 'evict':
      await catalog.evictGroups(1);
      break;
    case 'unkeep':
      await catalog.evictSources(1);
      break;
    case 'sweep':
      await catalog.sweep(100);
      break;
  }
  return { value: undefined, stored: false };
}
