// Killed exactly at a system call that changes files: whatever it was in the middle of, the restart finds everything that
// was acknowledged, nothing that was cleared, and accounts for every file.
import { describe, expect, it } from 'vitest';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { expectAccounted } from '../../support/faults/accounts.js';
import { another, ask, clear, isWhole, said, upload, WITH_ADMIN } from '../../support/faults/server-client.js';
import { killedAt } from '../../support/faults/wrappers.js';
import { until } from '../../support/gate.js';
import { type ServerProcess, scrape, startServerProcess } from '../../support/server-process.js';
import { withTempDir } from '../../support/temp-dir.js';

const FORMATS = ['auto:200x150', 'auto:800x800'] as const;
/** The sources of what was overwritten and of what was cleared; the previews are those of others too. */
const SWEPT_BLOBS = 2;

/** Counters of the tracer are per thread: with one thread in the pool the nth call is the same in every run. */
const ENVIRONMENT = {
  ...WITH_ADMIN,
  UV_THREADPOOL_SIZE: '1',
  PROOFSHEET_FSYNC: 'true',
  PROOFSHEET_TARGET_FORMATS: FORMATS.join(','),
  PROOFSHEET_EVICTION_INTERVAL_SECONDS: '1',
} as const;

/** Small sources are handed on as bytes, others as files. */
const SOURCES = { small: [400, 300], large: [1000, 750] } as const;

/** Which calls are met, of some 15 to 25 that the script makes of each: at the start, in an upload, in an overwrite, in a sweep. */
const MATRIX: readonly (readonly [string, keyof typeof SOURCES, readonly number[]])[] = [
  ['rename', 'small', [1, 4, 12]],
  ['unlink', 'large', [1, 5, 12]],
  ['link', 'large', [1, 5, 9, 14, 18]],
  ['pwrite64', 'small', [3, 12, 20]],
  ['fsync', 'small', [1, 8]],
  ['fsync', 'large', [8]],
  ['fdatasync', 'small', [2, 4]],
];

describe.each(MATRIX)('killed at %s, %s sources', (systemCall, source, calls) => {
  it.each(calls)('number %i', { timeout: 300_000 }, async (nth) => {
    const [widthPx, heightPx] = SOURCES[source];
    const photo = await encodedPhoto(widthPx, heightPx);
    await withTempDir(async (dataDir) => {
      const environment = { ...ENVIRONMENT, PROOFSHEET_DATA_DIR: dataDir };
      const expected = new Map<string, boolean>();
      let server: ServerProcess | undefined;
      try {
        server = await startServerProcess(environment, await killedAt(systemCall, nth));
        await script(server, photo, expected);
        server.kill('SIGTERM');
      } catch (error) {
        // It was killed before it listened: then nothing was acknowledged.
        if (server === undefined) expect(String(error)).toContain('the server ended with null');
      }
      // Whatever else ended the script would show nothing.
      if (server !== undefined) expect(await server.gone).toBe('SIGKILL');
      const restarted = await startServerProcess(environment);
      for (const [key, held] of expected) {
        const outcomes = await Promise.all(FORMATS.map((format) => ask(`${restarted.url}/getImage/${key}/${format}`)));
        if (held) for (const outcome of outcomes) expect(isWhole(outcome), `${key}: ${said(outcome)}`).toBe(true);
        else expect(outcomes.map(said), key).toEqual(['404/4040', '404/4040']);
      }
      expect(said(await upload(`${restarted.url}/cacheImage/after`, another(photo)))).toBe('200');
      restarted.kill('SIGTERM');
      expect(await restarted.gone).toBe(0);
      await expectAccounted(dataDir);
    });
  });
});

/** Uploads, overwrites, answers before the sequence is complete, clears; notes what was acknowledged. */
async function script({ url, origin }: ServerProcess, photo: Buffer, expected: Map<string, boolean>): Promise<void> {
  const does = async (key: string, held: boolean, step: Promise<{ status: number }>) => {
    const before = expected.get(key);
    expected.delete(key);
    if ((await step).status === 200) expected.set(key, held);
    else if (before !== undefined) expected.set(key, before);
  };
  await does('a', true, upload(`${url}/cacheImage/a`, another(photo)));
  await does('b', true, upload(`${url}/cacheAndGetImage/b/${FORMATS[0]}`, another(photo)));
  await does('a', true, upload(`${url}/cacheImage/a`, another(photo)));
  await does('b', false, clear(`${url}/clearImagesByKey/b`));
  await does('c', true, upload(`${url}/cacheImage/c`, another(photo)));
  // What was overwritten and cleared is swept; or the server is killed in the middle of it.
  const swept = () => scrape(origin, 'proofsheet_swept_blobs_total').catch(() => Number.POSITIVE_INFINITY);
  await until(async () => (await swept()) >= SWEPT_BLOBS, 'the sweep is over');
  await does('a', false, clear(`${url}/clearImages`));
  expected.delete('c');
  expected.set('c', false);
}
