// Servers whose clock is set by hours while they work: nothing is lost, no source is converted twice, no lease is held for
// ever, no timer stops, and what fails is remembered no longer and no shorter. Orders and ages: test/unit/previews.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { expectAccounted } from '../../support/faults/accounts.js';
import { another, ask, isWhole, said, upload } from '../../support/faults/server-client.js';
import { setClock } from '../../support/faults/set-clock.js';
import { until } from '../../support/gate.js';
import { startServerProcess } from '../../support/server-process.js';
import { withTempDir } from '../../support/temp-dir.js';

const HOURS = [0, 10, -10, 0] as const;
const AT_ONCE = 10;
const WORKERS = 2;
const CONVERTERS = 1;
const MOST_OF_CONTEXT = AT_ONCE + 2;

/**
 * The sum over all workers. A worker that is busy does not tell its figures within a second, and is left out: then it is asked again,
 * until all their converters are told of.
 */
async function figureOf(origin: string, name: string): Promise<number> {
  const lines = (text: string, of: string) =>
    text.split('\n').filter((line) => line.startsWith(`${of}{`) || line.startsWith(`${of} `));
  const sum = (text: string, of: string) =>
    lines(text, of).reduce((all, line) => all + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  let text = '';
  await until(async () => {
    text = await (await fetch(`${origin}/metrics`)).text();
    return sum(text, 'proofsheet_converters') === WORKERS * CONVERTERS;
  }, 'all workers tell their figures');
  return sum(text, name);
}

async function expectWhole(url: string): Promise<void> {
  const answer = await ask(url);
  expect([url, said(answer), isWhole(answer)]).toEqual([url, '200', true]);
}

it('two workers over a clock that is set forward by ten hours, back by twenty, and right again', {
  timeout: 300_000,
}, async () => {
  await withTempDir(async (dir) => {
    const clock = await setClock(join(dir, 'clock'));
    const dataDir = join(dir, 'data');
    await mkdir(dataDir);
    const server = await startServerProcess({
      ...clock.environment,
      PROOFSHEET_DATA_DIR: dataDir,
      PROOFSHEET_WORKERS: String(WORKERS),
      PROOFSHEET_CONVERTERS: String(CONVERTERS),
      PROOFSHEET_EVICTION_INTERVAL_SECONDS: '1',
      PROOFSHEET_MAX_AGE_SECONDS: String(6 * 3_600),
    });
    try {
      const photo = await encodedPhoto(300, 200);
      const poison = photo.subarray(0, photo.length / 2);
      const begun = Date.now();
      expect(said(await upload(`${server.url}/cacheImage/poison`, poison))).toBe('422/4220');
      for (const [step, hours] of HOURS.entries()) {
        clock.set(hours);
        await until(async () => {
          const { headers } = await ask(`${server.origin}/healthz`);
          const seen = Date.parse(headers.get('date') ?? '') - Date.now();
          return Math.abs(seen - hours * 3_600_000) < 600_000;
        }, `the server's clock is off by ${hours} hours`);

        const decodes = await figureOf(server.origin, 'proofsheet_decodes_total');
        const source = another(photo);
        const answers = await Promise.all(
          Array.from({ length: AT_ONCE }, (_, n) => upload(`${server.url}/cacheImage/${step}-${n}`, source)),
        );
        expect(answers.map(said)).toEqual(answers.map(() => '200'));
        expect(await figureOf(server.origin, 'proofsheet_decodes_total')).toBe(decodes + 1);
        expect(said(await upload(`${server.url}/cacheImage/overwritten`, another(photo)))).toBe('200');
        expect(said(await upload(`${server.url}/cacheImage/poison`, poison))).toBe('422/4220');
        expect(await figureOf(server.origin, 'proofsheet_refusals_total')).toBe(step + 1);

        for (let before = 0; before <= step; before++)
          for (let n = 0; n < AT_ONCE; n++) await expectWhole(`${server.url}/getImage/${before}-${n}/auto:200x150`);
        await expectWhole(`${server.url}/getImage/overwritten/auto:200x150`);
        expect((await ask(`${server.origin}/readyz`)).status).toBe(200);
      }
      // Rounds of upkeep have looked at ages meanwhile, and no round was late for the clock.
      expect(Date.now() - begun).toBeGreaterThan(1_000);
      expect(await figureOf(server.origin, 'proofsheet_evictions_total')).toBe(0);
      expect(server.log.filter(({ level }) => level === 'error')).toEqual([]);
      server.kill('SIGTERM');
      expect(await server.gone).toBe(0);
    } finally {
      server.kill('SIGKILL');
      await server.gone;
    }
    const { groups, sources } = await expectAccounted(dataDir);
    expect([groups, sources]).toEqual([HOURS.length * AT_ONCE + 1, HOURS.length + 1]);
  });
});

it('what either worker stores while the clock is ten hours behind for a moment is not old when it is right again', {
  timeout: 300_000,
}, async () => {
  await withTempDir(async (dir) => {
    const clock = await setClock(join(dir, 'clock'));
    const server = await startServerProcess({
      ...clock.environment,
      PROOFSHEET_DATA_DIR: dir,
      PROOFSHEET_WORKERS: String(WORKERS),
      // One worker looks after ages, and not often enough to see the clock behind.
      PROOFSHEET_EVICTION_INTERVAL_SECONDS: '10',
      PROOFSHEET_MAX_AGE_SECONDS: String(6 * 3_600),
      PROOFSHEET_CONTEXT_MAX_GROUPS: String(MOST_OF_CONTEXT),
    });
    try {
      const photo = await encodedPhoto(300, 200);
      const store = async (keys: readonly string[]) => {
        const answers = await Promise.all(keys.map((key) => upload(`${server.url}/cacheImage/${key}`, photo)));
        expect(answers.map(said)).toEqual(keys.map(() => '200'));
      };
      const behind = Array.from({ length: AT_ONCE }, (_, n) => `behind-${n}?context=behind`);
      clock.set(-10);
      await store(behind);
      clock.set(0);
      // The round that finds too many of these has looked at ages before.
      await store(Array.from({ length: MOST_OF_CONTEXT + 1 }, (_, n) => `${n}`));
      const evicted = async (reason: string) =>
        (await (await fetch(`${server.origin}/metrics`)).text()).match(
          new RegExp(`^proofsheet_evictions_total\\{(?=.*reason="${reason}")(?=.*kind="group").* ([1-9]\\d*)$`, 'm'),
        )?.[1];
      await until(async () => (await evicted('context-groups')) !== undefined, 'a round has evicted');
      expect(await evicted('age')).toBeUndefined();
      for (const key of behind)
        expect([key, said(await ask(`${server.url}/getMetadata/${key}`))]).toEqual([key, '200']);
    } finally {
      server.kill('SIGTERM');
      expect(await server.gone).toBe(0);
    }
  });
});
