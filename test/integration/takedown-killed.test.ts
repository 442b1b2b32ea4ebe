// Purges and servers that end: one that is killed in the middle is carried on by the next server, and its receipt is that of the whole;
// of a server that ended properly before, nothing is waited for.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Receipt } from '../../src/kernel/takedown/receipt.js';
import { until } from '../support/gate.js';
import { sourceForm } from '../support/multipart.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';

const AUTHORIZATION = `Basic ${Buffer.from('admin:s3cret').toString('base64')}`;
const COUNT = 1_200;

let dir: TempDir;
let server: ServerProcess;
const start = () =>
  startServerProcess({
    PROOFSHEET_DATA_DIR: join(dir.path, 'data'),
    PROOFSHEET_ADMIN_PASSWORD: 's3cret',
    PROOFSHEET_WORKERS: '2',
  });
beforeAll(async () => {
  dir = await tempDir();
  server = await start();
}, 120_000);
afterAll(async () => {
  server?.kill('SIGTERM');
  await server?.gone;
  await dir?.remove();
});

const ask = async (path: string, body?: object) => {
  const answer = await fetch(`${server.origin}/admin${path}`, {
    headers: { Authorization: AUTHORIZATION, 'Content-Type': 'application/json' },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
  expect(answer.status).toBe(200);
  return (await answer.json()) as unknown;
};

/** A server on a busy machine may refuse an upload for the moment. */
async function cached(key: string, photo: Buffer): Promise<void> {
  await until(async () => {
    const answer = await fetch(`${server.url}/cacheImage/${key}`, { method: 'POST', body: sourceForm(photo) });
    await answer.arrayBuffer();
    expect([200, 503]).toContain(answer.status);
    return answer.status === 200;
  }, 'an upload that is taken');
}

/** All keys share one picture, so that they are stored fast. */
async function fill(prefix: string, photo: Buffer): Promise<void> {
  let next = 0;
  const hand = async () => {
    for (let at = next++; at < COUNT; at = next++) await cached(`${prefix}-${at}`, photo);
  };
  await Promise.all(Array.from({ length: 8 }, hand));
}

const isThere = async (key: string) => (await fetch(`${server.url}/getMetadata/${key}`)).status === 200;

// The first, as those that are killed are away for a minute.
test('waits for no process of a server that was ended properly', { timeout: 120_000 }, async () => {
  server.kill('SIGTERM');
  await server.gone;
  server = await start();
  const { receipt } = (await ask('/purge', { key: 'none', reason: 'ticket 8' })) as { readonly receipt: Receipt };
  // One or two: the second of the new workers may still be on its way.
  expect(new Set(receipt.nodes.map(({ state }) => state))).toEqual(new Set(['dropped']));
  expect(receipt.isComplete).toBe(true);
});

test('is carried on by the next server to its end', { timeout: 500_000 }, async () => {
  // Killed when the first is gone; again with others where the machine was faster than that.
  for (let attempt = 0; attempt < 5; attempt++) {
    const prefix = `many${attempt}`;
    // Another each time: the one before is blocked.
    await fill(prefix, await jpegOf(320 + attempt, 240));
    await cached(`beside${attempt}`, await jpegOf(90 + attempt, 80));
    const purged = ask('/purge', { prefix: `${prefix}-`, block: true, reason: 'ticket 7' }).then(
      () => true,
      () => false,
    );
    await until(async () => !(await isThere(`${prefix}-0`)), 'the first is gone');
    server.kill('SIGKILL');
    await server.gone;
    const wasFaster = await purged;
    server = await start();
    if (wasFaster) continue;
    const latest = async () => ((await ask('/purges?limit=1')) as { readonly purges: readonly Receipt[] }).purges[0];
    await until(async () => (await latest())?.isUnderWay === false, 'carried on to its end');
    expect(await latest()).toMatchObject({ reason: 'ticket 7', groups: { removed: COUNT }, stillNamed: 0 });
    expect((await latest())?.groups.named).toHaveLength(1_000);
    expect((await latest())?.lasting.blobs).toBeGreaterThan(1);
    expect((await latest())?.blocked.contents).toHaveLength(1);
    for (const key of [`${prefix}-0`, `${prefix}-${COUNT - 1}`]) expect(await isThere(key)).toBe(false);
    expect(await isThere(`beside${attempt}`)).toBe(true);
    return;
  }
  throw new Error('expected a purge that takes longer than to see its first effect');
});
