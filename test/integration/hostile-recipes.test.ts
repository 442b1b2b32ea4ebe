// One client that counts pixels fills no disk, keeps no converter busy, and is told so; the others hardly notice, which is judged by hand
// on a quiet machine, with all of a hundred thousand: RECIPES=100000.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { image, photo } from '../support/images.js';
import { filePart, multipartBody } from '../support/multipart.js';
import { run } from '../support/processes.js';
import { scrape, startServerProcess } from '../support/server-process.js';
import { tempDir } from '../support/temp-dir.js';
import { NODE } from '../support/tools.js';

const RECIPES = Number(process.env.RECIPES ?? 1_000);
const PER_MINUTE = 60;
const MAX_BYTES = 2 ** 20;
const CHILD = new URL('../support/children/hostile-recipes.mjs', import.meta.url).pathname;
/** Between two requests of each of the others, and how many of them there are. */
const [PAUSE_MS, OTHERS] = [20, 4];

function bytesBelow(path: string): number {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.mdb'))
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

/** Times of answers, ms, asked for until `until` is settled. */
async function timesOf(url: string, until: Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  let isOver = false;
  void until.finally(() => {
    isOver = true;
  });
  const other = async (): Promise<void> => {
    while (!isOver) {
      const from = performance.now();
      const answer = await fetch(url);
      await answer.arrayBuffer();
      expect(answer.status).toBe(200);
      times.push(performance.now() - from);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  };
  await Promise.all(Array.from({ length: OTHERS }, other));
  return times.toSorted((a, b) => a - b);
}

const share = (times: readonly number[], part: number) => times[Math.floor((times.length - 1) * part)] ?? 0;

test(`${RECIPES} pictures of one image are asked for, each of another size`, { timeout: 600_000 }, async () => {
  const dir = await tempDir();
  const server = await startServerProcess({
    PROOFSHEET_DATA_DIR: dir.path,
    PROOFSHEET_EXACT: 'any',
    PROOFSHEET_DRAWING_MAX_BYTES: String(MAX_BYTES),
    PROOFSHEET_CONTEXT_DRAWINGS_PER_MINUTE: String(PER_MINUTE),
  });
  try {
    const jpeg = await image(await photo(800, 600, 4))
      .jpeg()
      .toBuffer();
    const body = multipartBody([filePart('sourceImage', 'a.jpg', jpeg)], { boundary: 'b' });
    const headers = { 'content-type': 'multipart/form-data; boundary=b' };
    for (const context of ['hostile', 'others']) {
      const target = `${server.url}/cacheImage/key?context=${context}`;
      expect((await fetch(target, { method: 'POST', headers, body: new Uint8Array(body) })).status).toBe(200);
    }
    const hit = `${server.url}/getImage/key/200x150?context=others`;
    const quiet = () => timesOf(hit, new Promise((resolve) => setTimeout(resolve, 3_000)));
    const aloneBefore = await quiet();
    const encodesBefore = await scrape(server.origin, 'proofsheet_encodes_total');
    const begun = performance.now();
    const url = `${server.url}/getImage/key/jpg:SIZE~coverandcrop?match=exact&context=hostile`;
    const asking = run(NODE, [CHILD, url, String(RECIPES)], { timeout: 590_000 });
    const meanwhile = await timesOf(hit, asking);
    const { statuses, refused } = JSON.parse((await asking).stdout);

    // The rate, what it allows at once, and what was asked for before it was told.
    const allowed = PER_MINUTE + ((performance.now() - begun) / 60_000) * PER_MINUTE + OTHERS;
    expect(Object.keys(statuses)).toEqual(['200', '429']);
    expect(statuses[200] + statuses[429]).toBe(RECIPES);
    expect(statuses[200]).toBeGreaterThanOrEqual(PER_MINUTE);
    expect(statuses[200]).toBeLessThanOrEqual(allowed);
    expect((await scrape(server.origin, 'proofsheet_encodes_total')) - encodesBefore).toBeLessThanOrEqual(allowed);
    expect(refused).toMatchObject({ status: 429, retryAfter: expect.stringMatching(/^\d+$/) });
    expect(JSON.parse(refused.body)).toMatchObject({
      code: 4290,
      message: expect.stringContaining('pictures per minute'),
    });
    expect(bytesBelow(join(dir.path, 'derivatives'))).toBeLessThan(MAX_BYTES * 1.1);
    const took = Math.round(performance.now() - begun);
    // Other work of the machine comes and goes meanwhile: the worse of before and after counts.
    const aloneAfter = await quiet();
    const worse = (part: number): number => Math.max(share(aloneBefore, part), share(aloneAfter, part));
    const [p50, p99] = [share(meanwhile, 0.5), share(meanwhile, 0.99)].map((ms) => ms.toFixed(1));
    console.log(
      `${JSON.stringify(statuses)} in ${took} ms; p99 of others ${worse(0.99).toFixed(1)} ms alone, ${p99} meanwhile; p50 ${worse(0.5).toFixed(1)}, ${p50}`,
    );
    if (process.env.RECIPES !== undefined) expect(share(meanwhile, 0.99)).toBeLessThanOrEqual(worse(0.99) * 2);
  } finally {
    server.kill('SIGTERM');
    await server.gone;
    await dir.remove();
  }
});
