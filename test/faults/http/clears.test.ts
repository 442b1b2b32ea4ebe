// Clears, overwrites and reads of the same keys at once, under load: no fault of ours, no image of another key, and nothing
// old once a clear or an overwrite is answered.
import http from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { clear, said, upload, WITH_ADMIN } from '../../support/faults/server-client.js';
import { type ServerProcess, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { jpegOf } from '../../support/test-images.js';

const KEYS = 4;
const READERS = 16;
const CHANGES_PER_KEY = 20;
/** Versions of a key's image differ in size, so that an answer tells which one it is. */
const VERSIONS = 3;
const FORMATS = ['auto:200x150', 'auto:800x800', 'jpg:-1x-1'] as const;

interface Read {
  readonly key: number;
  readonly beganAt: number;
  readonly endedAt: number;
  readonly status: number;
  readonly etag: string | undefined;
}

/** What a key may be answered with from one moment on: an image's tag, or 404. */
interface Change {
  readonly beganAt: number;
  endedAt: number;
  readonly becomes: string;
}

let dir: TempDir;
let server: ServerProcess;
beforeAll(async () => {
  dir = await tempDir();
  server = await startServerProcess({ PROOFSHEET_DATA_DIR: dir.path, ...WITH_ADMIN });
});
afterAll(async () => {
  server.kill('SIGTERM');
  expect(await server.gone).toBe(0);
  await dir.remove();
});

const agent = new http.Agent({ keepAlive: true });

function read(key: number, format: string): Promise<Read> {
  const beganAt = performance.now();
  return new Promise((resolve, reject) => {
    const request = http.get(`${server.url}/getImage/key-${key}/${format}`, { agent }, (response) => {
      response.resume();
      response.once('error', reject);
      response.once('end', () => {
        const { etag } = response.headers;
        resolve({ key, beganAt, endedAt: performance.now(), status: response.statusCode ?? 0, etag });
      });
    });
    request.once('error', reject);
  });
}

it('never mixes them up, and never tells what is over', async () => {
  const sources = await Promise.all(
    Array.from({ length: KEYS * VERSIONS }, (_, n) =>
      jpegOf(40 + n, 30, `#${(111111 + n * 70_000).toString().slice(0, 6)}`),
    ),
  );
  const sourceOf = (key: number, version: number) => sources[key * VERSIONS + version] ?? Buffer.alloc(0);
  // The sources are smaller than every box, so that each has one preview, and this tells its tag.
  const tags = await Promise.all(
    sources.map(async (source, n) => {
      expect(said(await upload(`${server.url}/cacheImage/tag-${n}`, source))).toBe('200');
      return (await fetch(`${server.url}/getImage/tag-${n}/auto:200x150`)).headers.get('etag') ?? '';
    }),
  );
  expect(new Set(tags).size).toBe(sources.length);

  const changes: Change[][] = Array.from({ length: KEYS }, () => [{ beganAt: 0, endedAt: 0, becomes: '404' }]);
  const reads: Read[] = [];
  let isOver = false;
  const readers = Array.from({ length: READERS }, async (_, reader) => {
    for (let n = reader; !isOver; n++) reads.push(await read(n % KEYS, FORMATS[n % FORMATS.length] ?? FORMATS[0]));
  });
  const change = async (key: number, becomes: string, act: () => Promise<{ status: number; code: number }>) => {
    const made: Change = { beganAt: performance.now(), endedAt: Number.POSITIVE_INFINITY, becomes };
    changes[key]?.push(made);
    const { status } = await act();
    made.endedAt = performance.now();
    expect(status).toBe(200);
  };
  const changers = Array.from({ length: KEYS }, async (_, key) => {
    for (let n = 0; n < CHANGES_PER_KEY; n++) {
      const version = n % VERSIONS;
      const tag = tags[key * VERSIONS + version] ?? '';
      const url = `${server.url}/cacheImage/key-${key}`;
      if (n % 4 === 3) await change(key, '404', () => clear(`${server.url}/clearImagesByKey/key-${key}`));
      else await change(key, tag, () => upload(url, sourceOf(key, version)));
      const seen = reads.length;
      // Every state is read by all before the next change.
      while (reads.length < seen + 2 * READERS) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
  await Promise.all(changers);
  isOver = true;
  await Promise.all(readers);
  agent.destroy();

  let hits = 0;
  for (const { key, beganAt, endedAt, status, etag } of reads) {
    const of = changes[key] ?? [];
    // What the last change that had been answered before made of it, and what every change under way makes.
    const last = of.findLastIndex((made) => made.endedAt < beganAt);
    const allowed = of.filter((made, index) => index >= last && made.beganAt <= endedAt).map(({ becomes }) => becomes);
    expect(allowed).toContain(status === 200 ? etag : String(status));
    hits += status === 200 ? 1 : 0;
  }
  console.log(`${reads.length} reads, ${hits} of them hits, beside ${KEYS * CHANGES_PER_KEY} changes`);
  expect(hits).toBeGreaterThan(KEYS * CHANGES_PER_KEY);
}, 300_000);
