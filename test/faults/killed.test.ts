// kill -9 at random moments of a load of uploads: what was acknowledged is there after the restart, whole and undamaged.
import { createHash, randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { DEFAULT_TARGET_FORMATS } from '../../src/kernel/sequence.js';
import { encodedPhoto } from '../support/encoded-photo.js';
import { until } from '../support/gate.js';
import { sourceForm } from '../support/multipart.js';
import { type ServerProcess, scrape, startServerProcess } from '../support/server-process.js';
import { withTempDir } from '../support/temp-dir.js';

/** `PROOFSHEET_TEST_KILLS=1000` for a long run. */
const KILLS = Number(process.env.PROOFSHEET_TEST_KILLS ?? 50);
const UPLOADERS = 4;
/** Every other kill comes within this time from the start: no answer may have been given yet. The others come that soon after the first answer. */
const LONGEST_LIFE_MS = 500;

interface Acknowledged {
  readonly key: string;
  /** `cacheImage` promises all formats, `cacheAndGetImage` the one it was asked for. */
  readonly formats: readonly string[];
}

it(`loses nothing acknowledged and serves nothing damaged over ${KILLS} kills`, {
  timeout: 120_000 + KILLS * 10_000,
}, async () => {
  const photo = await encodedPhoto(900, 700);
  await withTempDir(async (dataDir) => {
    const acknowledged: Acknowledged[] = [];
    let fresh: Acknowledged[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const server = await startServerProcess({ PROOFSHEET_DATA_DIR: dataDir });
      await expectAll(server, fresh);
      acknowledged.push(...fresh);
      fresh = [];
      const killed = new AbortController();
      const uploads = Array.from({ length: UPLOADERS }, () => uploadUntil(server, photo, killed.signal, fresh));
      if (kill % 2 === 1) await until(() => fresh.length > 0, 'an upload is acknowledged');
      await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_LIFE_MS));
      server.kill('SIGKILL');
      killed.abort();
      await Promise.all([...uploads, server.gone]);
    }
    acknowledged.push(...fresh);
    expect(acknowledged.length).toBeGreaterThanOrEqual(Math.floor(KILLS / 2));

    const server = await startServerProcess({ PROOFSHEET_DATA_DIR: dataDir });
    await expectAll(server, acknowledged);
    expect(await scrape(server.origin, 'proofsheet_damaged_blobs_total')).toBe(0);
    // More groups than acknowledged ones are fine: an answer may have been lost on its way.
    const { count } = (await (await fetch(`${server.url}/getKeyCount`)).json()) as { count: number };
    expect(count).toBeGreaterThanOrEqual(acknowledged.length);
    server.kill('SIGTERM');
    expect(await server.gone).toBe(0);
  });
});

/** Uploads new sources one after the other, and notes each that was answered in full. */
async function uploadUntil(
  server: ServerProcess,
  photo: Buffer,
  signal: AbortSignal,
  done: Acknowledged[],
): Promise<void> {
  while (!signal.aborted) {
    const key = randomBytes(8).toString('hex');
    // Bytes behind the end of a JPEG change nothing but its digest.
    const source = Buffer.concat([photo, randomBytes(16)]);
    const all = Math.random() < 0.5;
    const wanted = DEFAULT_TARGET_FORMATS[Math.floor(Math.random() * DEFAULT_TARGET_FORMATS.length)] ?? 'auto:200x150';
    const path = all ? `cacheImage/${key}` : `cacheAndGetImage/${key}/${wanted}`;
    try {
      const answer = await fetch(`${server.url}/${path}`, { method: 'POST', body: sourceForm(source) });
      const body = Buffer.from(await answer.arrayBuffer());
      if (answer.status === 200) done.push({ key, formats: all ? DEFAULT_TARGET_FORMATS : [wanted] });
      else if (!signal.aborted) expect.fail(`${answer.status} ${body.toString()}`);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

async function expectAll(server: ServerProcess, groups: readonly Acknowledged[]): Promise<void> {
  for (const { key, formats } of groups) {
    for (const format of formats) {
      const answer = await fetch(`${server.url}/getImage/${key}/${format}`);
      const bytes = Buffer.from(await answer.arrayBuffer());
      expect(answer.status, `${key} ${format}: ${answer.status === 200 ? '' : bytes.toString()}`).toBe(200);
      expect(answer.headers.get('etag')).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`);
    }
  }
}
