// Bringing stored records to the sequence of today: what the plan tells is what is done then, at a pace, paused and gone on with.
import { expect, it } from 'vitest';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { changeOf } from '../../../src/kernel/reconcile.js';
import { sequenceOf } from '../../../src/kernel/sequence.js';
import { ReconcileService } from '../../../src/previews/reconcile/reconcile-service.js';
import { ReconcileWorker } from '../../../src/previews/reconcile/reconcile-worker.js';
import { until } from '../../support/gate.js';
import { openPreviewBench, SMALL } from '../../support/preview-bench.js';
import { groupRef, testSource } from '../../support/records.js';
import { tempDir } from '../../support/temp-dir.js';

const OLD = ['auto:200x150', 'auto:800x800'];
const NEW = ['auto:200x150', 'auto:400x300'];
const SOURCES = ['a', 'b', 'c', 'd', 'e'];

async function benchOf(dataDir: string, formats: readonly string[]) {
  const bench = await openPreviewBench({ dataDir, formats });
  const { catalog, walk, notes, clock, sequence, maker, logger } = bench;
  const deps = {
    catalog,
    walk,
    notes,
    clock,
    sequence,
    preConvert: true,
    rates: { secondsPerPreview: async () => 0.5 },
  };
  const worker = () => new ReconcileWorker({ ...deps, maker, logger });
  return { ...bench, reconcile: new ReconcileService(deps), worker };
}

/** A store of `SOURCES` under the old formats, opened under the new ones. */
async function changed() {
  const dir = await tempDir();
  const before = await benchOf(dir.path, OLD);
  for (const text of SOURCES) await before.service.cache(groupRef(text), await before.upload(text));
  expect(await before.reconcile.plan()).toMatchObject({ sources: 5, current: 5, outdated: 0, makes: 0, drops: 0 });
  await before.close();
  const after = await benchOf(dir.path, NEW);
  return { ...after, dispose: async () => void (await after.close().then(() => dir.remove())) };
}

it('tells what would be made and dropped, does that, and then there is nothing left to do', async () => {
  const { reconcile, worker, service, converter, clock, dispose } = await changed();
  const plan = await reconcile.plan();
  expect(plan).toMatchObject({
    sources: 5,
    current: 0,
    outdated: 5,
    stuck: 0,
    makes: 10,
    drops: 0,
    keeps: 10,
    // Ten previews, at half a second each.
    cpuSeconds: 5,
  });
  expect(plan.makesBytes).toBe(plan.previewBytes);
  expect(converter.jobs).toHaveLength(0);
  expect(await reconcile.standing()).toBeUndefined();
  await reconcile.start(undefined);
  // What was there serves meanwhile.
  expect((await service.choose(groupRef('a'), SMALL)).preview).toBeDefined();
  await worker().round();
  expect(await reconcile.standing()).toMatchObject({ progress: { looked: 5, failed: 0, isOver: true } });
  expect(converter.jobs.every(({ priority }) => priority === 'background')).toBe(true);
  // What it kept is told for as long as it stays.
  expect(await reconcile.plan()).toMatchObject({
    ...{ current: 5, outdated: 0, makes: 0, drops: 0, keeps: 10, keepsBytes: plan.keepsBytes },
  });
  const done = converter.jobs.length;
  clock.advance(1_000);
  await worker().round();
  expect(converter.jobs).toHaveLength(done);
  await dispose();
});

it('is paused between two sources, and goes on behind the last one, in another process too', async () => {
  const { reconcile, worker, converter, clock, dispose } = await changed();
  const { control } = await reconcile.start(6_000);
  converter.start.shut();
  const first = worker();
  const round = first.round();
  await until(() => converter.start.held === 1, 'a conversion');
  expect((await reconcile.pause())?.control.wanted).toBe('paused');
  clock.advance(1_000);
  converter.start.open();
  await round;
  expect(await reconcile.standing()).toMatchObject({
    control: { wanted: 'paused' },
    progress: { looked: 1, made: 1, isOver: false },
  });
  await first.round();
  expect(converter.jobs).toHaveLength(1);
  expect((await reconcile.start(undefined)).control).toMatchObject({
    run: control.run,
    wanted: 'running',
    perMinute: 6_000,
  });
  await worker().round();
  expect(await reconcile.standing()).toMatchObject({
    progress: { run: control.run, looked: 5, made: 5, isOver: true },
  });
  expect(converter.jobs).toHaveLength(5);
  await dispose();
});

it('counts what cannot be made, and goes on', async () => {
  const { reconcile, worker, converter, dispose } = await changed();
  converter.failure = { error: new Error('a broken decoder'), at: 'start' };
  await reconcile.start(undefined);
  await worker().round();
  expect(await reconcile.standing()).toMatchObject({ progress: { looked: 5, made: 0, failed: 5, isOver: true } });
  await dispose();
});

it('what cannot be made keeps the pace as well', async () => {
  const { reconcile, worker, converter, dispose } = await changed();
  converter.failure = { error: new Error('a broken decoder'), at: 'start' };
  // A tenth of a second each.
  await reconcile.start(600);
  const begunAt = performance.now();
  await worker().round();
  expect(performance.now() - begunAt).toBeGreaterThan(450);
  expect((await reconcile.standing())?.progress.failed).toBe(5);
  await dispose();
});

it('what is refused for the moment is done later, from there on', async () => {
  const { reconcile, worker, converter, clock, dispose } = await changed();
  converter.failure = { error: new ProofsheetError('overloaded', 'too many conversions are waiting'), at: 'start' };
  await reconcile.start(undefined);
  await worker().round();
  expect(await reconcile.standing()).toMatchObject({ progress: { looked: 0, failed: 0, isOver: false } });
  converter.failure = undefined;
  clock.advance(1_000);
  await worker().round();
  expect(await reconcile.standing()).toMatchObject({ progress: { looked: 5, made: 5, failed: 0, isOver: true } });
  await dispose();
});

it('ended, it begins anew when it is asked for again', async () => {
  const { reconcile, worker, converter, dispose } = await changed();
  const { control } = await reconcile.start(undefined);
  await reconcile.stop();
  await worker().round();
  expect(converter.jobs).toHaveLength(0);
  expect((await reconcile.start(undefined)).control.run).not.toBe(control.run);
  await worker().round();
  expect(converter.jobs).toHaveLength(5);
  await dispose();
});

it('of a source that is no longer kept nothing is made, and nothing goes', () => {
  const { record } = testSource('x', { sourceKept: false });
  expect(changeOf(record, sequenceOf(NEW), true)).toMatchObject({ state: 'stuck', makes: 0, drops: 0 });
  expect(changeOf({ ...record, sourceKept: true }, sequenceOf(NEW), true)).toMatchObject({ state: 'outdated' });
});

it('where previews are made as they are asked for, only what is asked for first is', () => {
  const { record } = testSource('x', { sourceKept: true });
  expect(changeOf(record, sequenceOf(NEW), false).makes).toBe(1);
  const current = { ...record, sequenceId: sequenceOf(NEW).id, onDemand: true as const };
  expect(changeOf(current, sequenceOf(NEW), false).state).toBe('current');
  expect(changeOf(current, sequenceOf(NEW), true).state).toBe('outdated');
});
