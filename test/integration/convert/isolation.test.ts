// Whatever a source does to its converter costs that one conversion: hangs, crashes, nonsense, too much memory, full queues.
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterEach, describe, expect, test } from 'vitest';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { parseContext } from '../../../src/kernel/image-key.js';
import type { Joined, Place } from '../../../src/kernel/ports/converter.js';
import { Converting } from '../../support/converting.js';
import { eventually, until } from '../../support/gate.js';
import { ENCODED, photo, slowSvg } from '../../support/images.js';
import { residentBytes } from '../../support/server-process.js';

const MISBEHAVING = fileURLToPath(new URL('../../support/children/misbehaving.mjs', import.meta.url));

let converting: Converting;
afterEach(() => converting.close());

/** The name of the error that `promise` rejects with. */
async function errorOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof ProofsheetError ? error.code : String(error)),
  );
}

describe('a child that misbehaves costs one conversion', () => {
  test.each([
    ['h', 'conversion-timeout', 'timeout'],
    ['k', 'source-undecodable', 'crash'],
    ['s', 'source-undecodable', 'crash'],
    ['e', 'source-undecodable', 'crash'],
    ['n', 'source-undecodable', 'nonsense'],
    ['w', 'source-undecodable', 'nonsense'],
    ['p', 'source-undecodable', 'nonsense'],
  ])('%s: %s', async (how, code, reason) => {
    converting = await Converting.start({ children: 2, childProgram: MISBEHAVING, timeoutMs: 1_500 });
    const starting = performance.now();
    await until(() => converting.pool.readyChildren === 2, 'the children are ready');
    const startMs = performance.now() - starting;
    const [bad, neighbour] = await Promise.all([
      errorOf(converting.convert(Buffer.from(how), ['auto:10x10'])),
      converting.convert(Buffer.from('good'), ['auto:10x10']),
    ]);
    expect(bad).toBe(code);
    expect(neighbour.previews).toHaveLength(1);
    expect(converting.metrics.total('converter_exits_total', { reason })).toBe(1);
    // The neighbour's directory is the caller's; that of the failed conversion is gone.
    expect(await converting.leftovers()).toHaveLength(1);
    const since = performance.now();
    await until(() => converting.pool.readyChildren === 2, 'the children are ready');
    // No pause before it is replaced.
    expect(performance.now() - since).toBeLessThan(Math.max(5_000, 5 * startMs));
    expect((await converting.convert(Buffer.from('good'), ['auto:10x10'])).previews).toHaveLength(1);
  });

  test('a child that is replaced to free its memory leaves no time in which nothing is said to be converted', async () => {
    converting = await Converting.start({ children: 1, childProgram: MISBEHAVING, recycleAfterJobs: 1 });
    expect(converting.pool.isFit).toBe(false);
    await until(() => converting.pool.readyChildren === 1, 'the child is ready');
    await converting.convert(Buffer.from('good'), ['auto:10x10']);
    expect([converting.pool.readyChildren, converting.pool.isFit]).toEqual([0, true]);
    // One that ends by itself is another matter.
    await until(() => converting.pool.readyChildren === 1, 'the next is ready');
    expect(await errorOf(converting.convert(Buffer.from('e'), ['auto:10x10']))).toBe('source-undecodable');
    expect(converting.pool.isFit).toBe(false);
  });

  test.each(['SIGKILL', 'SIGSEGV'] as const)('a real child that gets %s while it waits is replaced', async (signal) => {
    converting = await Converting.start();
    await until(() => converting.pool.readyChildren === 1, 'the children are ready');
    const [pid] = converting.pool.pids;
    process.kill(pid ?? Number.NaN, signal);
    await until(() => converting.pool.pids[0] !== pid, 'it was replaced');
    expect((await converting.convert(await ENCODED.jpeg(await photo(40, 30)), ['auto:20x20'])).previews).toHaveLength(
      1,
    );
  });

  test('a program that cannot start is tried again ever more slowly, and the queue does not wait for ever', async () => {
    converting = await Converting.start({ childProgram: '/nonexistent/child.js', maxWaitMs: 400 });
    expect(await errorOf(converting.convert(Buffer.from('x'), ['auto:10x10']))).toBe('overloaded');
    const failedStarts = () => converting.metrics.total('converter_exits_total', { reason: 'failed-start' });
    // On a busy machine the first child may have been loading for all that time.
    const starts = failedStarts();
    await until(() => failedStarts() >= 1, 'a child has failed to start');
    expect(starts).toBeLessThanOrEqual(5);
    // Nobody has to guess why.
    const [told] = converting.logger.at('warn');
    expect(told?.message).toBe('a converter child could not start; it is tried again');
    expect(told?.fields.said).toContain("Cannot find module '/nonexistent/child.js'");
    expect(await converting.leftovers()).toEqual([]);
  });
});

test('an SVG that holds the renderer is killed at the deadline while another conversion goes on', async () => {
  converting = await Converting.start({ children: 2, sourceTypes: ['jpeg', 'svg'], timeoutMs: 1_500 });
  const jpeg = await ENCODED.jpeg(await photo(200, 150));
  await until(() => converting.pool.readyChildren === 2, 'the children are ready');
  let ended = false;
  const slow = errorOf(converting.convert(slowSvg(20_000), ['auto:100x100'])).finally(() => {
    ended = true;
  });
  for (let round = 0; round < 3; round++) {
    expect((await converting.convert(jpeg, ['auto:100x100'])).previews).toHaveLength(1);
    expect(ended).toBe(false);
  }
  expect(await slow).toBe('conversion-timeout');
  expect(converting.metrics.total('conversions_total', { source_type: 'svg', result: 'conversion-timeout' })).toBe(1);
});

describe('memory is admitted before it is taken', () => {
  test('two conversions that do not fit together run one after the other', async () => {
    // Decoded in full, one source takes its own bytes and 1200 x 1000 x 3; the budget holds one and a half of them.
    const source = await ENCODED.png(await photo(1200, 1000));
    const one = source.length + 1200 * 1000 * 3;
    converting = await Converting.start({ children: 2, memoryBudgetBytes: 1.5 * one });
    await until(() => converting.pool.readyChildren === 2, 'the children are ready');
    const seen: number[] = [];
    const watch = setInterval(async () => {
      for (const { value } of await converting.metrics.gaugeSamples('in_flight_bytes')) seen.push(value);
    }, 1);
    const results = await Promise.all([1, 2, 3].map(() => converting.convert(source, ['png:50x50'])));
    clearInterval(watch);
    expect(results.map(({ previews }) => previews.length)).toEqual([1, 1, 1]);
    expect(Math.max(...seen)).toBeGreaterThanOrEqual(one);
    // A child that keeps more than one takes holds the whole budget, and never two take theirs.
    expect(Math.max(...seen)).toBeLessThanOrEqual(1.5 * one);
    expect(await converting.metrics.gaugeSamples('in_flight_bytes')).toEqual([{ value: 0 }]);
  });

  test('a source that costs more than the whole budget is refused with the figures, and its child lives on', async () => {
    converting = await Converting.start({ memoryBudgetBytes: 1024 * 1024 });
    await until(() => converting.pool.readyChildren === 1, 'the children are ready');
    const before = converting.pool.pids;
    const large = converting.convert(await ENCODED.png(await photo(1200, 1000)), ['auto:50x50']);
    await expect(large).rejects.toThrow(/at most 1 MiB of memory, got one that takes \d+ MiB/);
    expect(await errorOf(large)).toBe('source-limits-exceeded');
    expect((await converting.convert(await ENCODED.png(await photo(40, 30)), ['auto:20x20'])).previews).toHaveLength(1);
    expect(converting.pool.pids).toEqual(before);
  });
});

describe('the queue', () => {
  test('is bounded: what runs and what may wait get served, the rest is told when to come again', async () => {
    converting = await Converting.start({ children: 1, childProgram: MISBEHAVING, maxQueue: 2, timeoutMs: 1_000 });
    await until(() => converting.pool.readyChildren === 1, 'the children are ready');
    const hung = errorOf(converting.convert(Buffer.from('h'), ['auto:10x10']));
    await until(() => converting.metrics.observations('queue_wait_seconds').length === 1, 'it began');
    const waiting = [
      converting.convert(Buffer.from('good'), ['auto:10x10']),
      converting.convert(Buffer.from('good'), ['auto:10x10']),
    ];
    await until(() => converting.queueDepth() === 2, 'the other waits');
    const refused = await converting.convert(Buffer.from('good'), ['auto:10x10']).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ProofsheetError);
    expect(refused).toMatchObject({ code: 'overloaded' });
    expect(refused instanceof ProofsheetError && refused.retryAfterSeconds).toBeGreaterThanOrEqual(1);
    expect(await hung).toBe('conversion-timeout');
    expect((await Promise.all(waiting)).map(({ previews }) => previews.length)).toEqual([1, 1]);
  });

  test('serves an instant conversion before those that came earlier', async () => {
    converting = await Converting.start({ children: 1, childProgram: MISBEHAVING, timeoutMs: 700 });
    await until(() => converting.pool.readyChildren === 1, 'the children are ready');
    const hung = errorOf(converting.convert(Buffer.from('h'), ['auto:10x10']));
    await until(() => converting.metrics.observations('queue_wait_seconds').length === 1, 'it began');
    const order: string[] = [];
    const note = (name: string, priority: 'instant' | 'background') =>
      converting.convert(Buffer.from('good'), ['auto:10x10'], { priority }).then(() => order.push(name));
    const background = note('background', 'background');
    await until(() => converting.queueDepth() === 1, 'the other waits');
    await Promise.all([hung, background, note('instant', 'instant')]);
    expect(order).toEqual(['instant', 'background']);
  });

  test('serves one that nobody waited for as soon as somebody does', async () => {
    converting = await Converting.start({ children: 1, childProgram: MISBEHAVING, timeoutMs: 700 });
    await until(() => converting.pool.readyChildren === 1, 'the children are ready');
    const hung = errorOf(converting.convert(Buffer.from('h'), ['auto:10x10']));
    await until(() => converting.metrics.observations('queue_wait_seconds').length === 1, 'it began');
    const order: string[] = [];
    const listeners = new Set<(place: Place) => void>();
    const joined: Joined = {
      each: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    const one = { priority: 'background', joined } as const;
    const waiting = [
      converting.convert(Buffer.from('good'), ['auto:10x10'], one).then(() => order.push('joined')),
      converting.convert(Buffer.from('good'), ['auto:10x10']).then(() => order.push('medium')),
    ];
    await until(() => converting.queueDepth() === 2, 'the other waits');
    for (const tell of listeners) tell({ priority: 'instant', context: parseContext('reader') });
    await Promise.all([hung, ...waiting]);
    expect(order).toEqual(['joined', 'medium']);
    expect(listeners.size).toBe(0);
  });
});

describe('an aborted conversion', () => {
  test('leaves the queue at once', async () => {
    converting = await Converting.start({ children: 1, childProgram: MISBEHAVING, timeoutMs: 1_000 });
    await until(() => converting.pool.readyChildren === 1, 'the children are ready');
    const hung = errorOf(converting.convert(Buffer.from('h'), ['auto:10x10']));
    await until(() => converting.metrics.observations('queue_wait_seconds').length === 1, 'it began');
    const abort = new AbortController();
    const waiting = converting.convert(Buffer.from('good'), ['auto:10x10'], { signal: abort.signal });
    await until(() => converting.queueDepth() === 1, 'the other waits');
    abort.abort(new Error('the client left'));
    await expect(waiting).rejects.toThrow('the client left');
    expect(converting.queueDepth()).toBe(0);
    expect(await hung).toBe('conversion-timeout');
    expect(await converting.leftovers()).toEqual([]);
  });

  test('ends its child when it runs, and leaves no file', async () => {
    converting = await Converting.start({ children: 1, childProgram: MISBEHAVING });
    await until(() => converting.pool.readyChildren === 1, 'the children are ready');
    const abort = new AbortController();
    const hung = converting.convert(Buffer.from('h'), ['auto:10x10'], { signal: abort.signal });
    await until(() => converting.metrics.observations('queue_wait_seconds').length === 1, 'it began');
    abort.abort(new Error('the client left'));
    await expect(hung).rejects.toThrow('the client left');
    expect(await converting.leftovers()).toEqual([]);
    expect(converting.metrics.total('converter_exits_total', { reason: 'aborted' })).toBe(1);
  });

  test('that was aborted before it came is not taken', async () => {
    converting = await Converting.start({ childProgram: MISBEHAVING });
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(converting.convert(Buffer.from('good'), ['auto:10x10'], { signal })).rejects.toThrow('too late');
    expect(converting.metrics.observations('queue_wait_seconds')).toEqual([]);
  });
});

describe('closing', () => {
  test('refuses what waits and ends what runs', async () => {
    converting = await Converting.start({ children: 1, childProgram: MISBEHAVING });
    await until(() => converting.pool.readyChildren === 1, 'the children are ready');
    const hung = errorOf(converting.convert(Buffer.from('h'), ['auto:10x10']));
    await until(() => converting.metrics.observations('queue_wait_seconds').length === 1, 'it began');
    const jobs = [hung, errorOf(converting.convert(Buffer.from('good'), ['auto:10x10']))];
    await until(() => converting.queueDepth() === 1, 'the other waits');
    await converting.pool.close();
    expect(await Promise.all(jobs)).toEqual(['overloaded', 'overloaded']);
    expect(converting.pool.pids).toEqual([]);
    expect(await converting.leftovers()).toEqual([]);
    expect(await errorOf(converting.convert(Buffer.from('good'), ['auto:10x10']))).toBe('overloaded');
  });
});

describe('a child', () => {
  test('that keeps memory counts with it, and gives it back when it rests or when another needs it', async () => {
    const large = await sharp({ create: { width: 9000, height: 9000, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    converting = await Converting.start({ children: 2, memoryBudgetBytes: 700 * 2 ** 20 });
    await until(() => converting.pool.readyChildren === 2, 'the children are ready');
    const [first] = converting.pool.pids;
    const residentMiB = async () => {
      const bytes = await Promise.all(converting.pool.pids.map(residentBytes));
      return bytes.reduce((sum, each) => sum + each, 0) / 2 ** 20;
    };
    await converting.convert(large, ['auto:100x100']);
    await eventually(async () => (await residentMiB()) < 2 * 110, 'the memory is given back');
    await until(() => converting.pool.readyChildren === 2, 'the children are ready');
    expect(converting.pool.pids).not.toContain(first);
    expect(converting.metrics.total('converter_exits_total', { reason: 'recycled' })).toBe(1);
  });

  test('is replaced after its number of jobs', async () => {
    converting = await Converting.start({ recycleAfterJobs: 2 });
    const source = await ENCODED.jpeg(await photo(40, 30));
    const pids = new Set<number>();
    for (let job = 0; job < 5; job++) {
      await until(() => converting.pool.readyChildren === 1, 'the children are ready');
      for (const pid of converting.pool.pids) pids.add(pid);
      await converting.convert(source, ['auto:20x20']);
    }
    expect(pids.size).toBe(3);
    expect(converting.metrics.total('converter_exits_total', { reason: 'recycled' })).toBe(2);
  });

  test('knows nothing of the secrets in our environment, and runs at a lower priority', async () => {
    process.env.PROOFSHEET_ADMIN_PASSWORD = 'hunter2';
    try {
      converting = await Converting.start();
      await until(() => converting.pool.readyChildren === 1, 'the children are ready');
      const { readFile } = await import('node:fs/promises');
      const [pid] = converting.pool.pids;
      expect(await readFile(`/proc/${pid}/environ`, 'latin1')).not.toContain('hunter2');
      const { getPriority } = await import('node:os');
      expect(getPriority(pid)).toBe(Math.min(19, getPriority() + 10));
    } finally {
      delete process.env.PROOFSHEET_ADMIN_PASSWORD;
    }
  });
});

describe('the wanted preview', () => {
  test('is reported first, and the others follow from the same decode', async () => {
    converting = await Converting.start();
    for (const [number, source] of [
      await ENCODED.png(await photo(600, 400)),
      await ENCODED.jpeg(await photo(2400, 1600)),
    ].entries()) {
      const reported: string[] = [];
      const { previews } = await converting.convert(source, ['auto:200x150', 'auto:400x400'], {
        wanted: 'auto:150x100',
        onWanted: (preview) => reported.push(...preview.formats),
      });
      expect(reported).toEqual(['auto:200x150']);
      expect(previews).toHaveLength(2);
      expect(converting.metrics.total('decodes_total')).toBe(number + 1);
    }
  });

  test('that is the whole plan is told once, at the end', async () => {
    converting = await Converting.start();
    const reported: string[] = [];
    const { previews } = await converting.convert(await ENCODED.jpeg(await photo(600, 400)), ['auto:100x100'], {
      wanted: 'auto:100x100',
      onWanted: (preview) => reported.push(...preview.formats),
    });
    expect([reported, previews.length]).toEqual([[], 1]);
  });
});
