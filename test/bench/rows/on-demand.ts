// Rows 25 and 26: pictures that are drawn on demand: Nextcloud's request of a new photograph and of one that was sent before, and an
// exact format of a cached photograph. All processes of the server count.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALLOCATOR_ENVIRONMENT } from '../../../src/convert/converter-child.js';
import { image, photo } from '../../support/images.js';
import { startModule } from '../../support/processes.js';
import { alternate, type Comparison, compare } from '../comparison.js';
import { newJpeg } from '../corpus.js';
import { load } from '../load.js';
import { type Ours, startOurs, warm } from '../ours.js';
import { treeCpuMs } from '../process-tree.js';
import { startPeer, withServers } from '../processes.js';
import type { RowGroup, RunOptions } from '../row-group.js';
import { formOf, upload } from '../uploads.js';

const SIDE_PX = 2048;
const QUALITY = 80;
/** /proc tells processor time to 10 ms only: a round is some seconds of it, so that one tick more is no half percent. */
const NEW_PICTURES = 24;
const KNOWN_UPLOADS = 600;
/** The server's own code is compiled, its converters run, and its memory is in use: most of them are small. */
const WARM_PICTURES = 12;
const WARM_SMALL = 400;
/** Longer than a converter waits before it is replaced. */
const REST_MS = 6_000;
/** V8 goes on compiling the way of a known upload for some thousand of them; its floor, of less code, is done sooner. */
const WARM_KNOWN = 3_000;
const OPERATIONS = JSON.stringify([
  { operation: 'autorotate' },
  {
    operation: 'fit',
    params: {
      width: SIDE_PX,
      height: SIDE_PX,
      stripmeta: 'true',
      type: 'jpeg',
      norotation: 'true',
      quality: String(QUALITY),
    },
  },
]);
const atMost = (value: number) => ({ rule: 'at most', value }) as const;
const agent = new Agent({ keepAlive: true });

export const onDemand: RowGroup = {
  rows: [25, 26],
  needs: ['ipx', 'wrk'],
  async run(rows, options) {
    const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-demand-'));
    const jpeg = await image(await photo(4000, 3000, 3))
      .jpeg({ quality: 90 })
      .toBuffer();
    const env = { PROOFSHEET_DIALECTS: 'image-converter,imaginary', PROOFSHEET_EXACT: 'any' };
    try {
      return await withServers([startOurs({ env })], async (ours) => [
        ...(rows.includes(25) ? await pipelines(ours, jpeg, dir, options) : []),
        ...(rows.includes(26) ? await exactFormats(ours, jpeg, dir, options) : []),
      ]);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

/** Autorotate and fit, of a new photograph against one pipeline of sharp, of a known one against what reads and hashes the body. */
async function pipelines(ours: Ours, jpeg: Buffer, dir: string, { rounds, log }: RunOptions): Promise<Comparison[]> {
  const url = `${ours.origin}/imaginary/pipeline?operations=${encodeURIComponent(OPERATIONS)}&key=`;
  let sent = 0;
  const askNew = async (): Promise<void> => {
    await post(url, newJpeg(jpeg, `photo ${sent++}`));
  };
  const small = await smallJpeg();
  for (let left = WARM_SMALL; left > 0; left--) {
    const warming = newJpeg(small, `small ${left}`);
    await post(url, warming);
    await post(url, warming);
  }
  for (let left = WARM_PICTURES; left > 0; left--) await askNew();
  const picture = await post(url, jpeg);
  const [sourcePath, picturePath] = [join(dir, 'source'), join(dir, 'picture')];
  await writeFile(sourcePath, jpeg);
  await writeFile(picturePath, picture);
  const sharpFit = startModule(new URL('../peers/sharp-fit.mjs', import.meta.url).pathname, [], {
    execArgv: [],
    env: { ...process.env, ...ALLOCATOR_ENVIRONMENT },
  });
  try {
    await once(sharpFit, 'message');
    // With our allocator's thresholds, or it is left to chance whether the bodies' memory is faulted in again for every request.
    const environment = { PICTURE: picturePath, ...ALLOCATOR_ENVIRONMENT };
    return await withServers([startPeer('hash-body.mjs', environment)], async (floor) => {
      const fitted = { path: sourcePath, sidePx: SIDE_PX, quality: QUALITY, repeats: NEW_PICTURES };
      const made = await alternate(rounds, {
        anew: () => costOf(ours.pid, NEW_PICTURES, askNew),
        sharp: () => told(sharpFit, fitted),
      });
      log(`  the rest behind a burst: ${(await atRest(ours.pid)).toFixed(0)} ms CPU, once`);
      for (const known of [url, floor.origin]) for (let left = WARM_KNOWN; left > 0; left--) await post(known, jpeg);
      const kept = await alternate(rounds, {
        known: () => costOf(ours.pid, KNOWN_UPLOADS, () => post(url, jpeg)),
        hash: () => costOf(floor.pid, KNOWN_UPLOADS, () => post(floor.origin, jpeg)),
      });
      log(`  answers of ${(picture.length / 1000).toFixed(0)} kB`);
      const what = `/pipeline, autorotate and fit into ${SIDE_PX}, of a 12 MP JPEG (${(jpeg.length / 1e6).toFixed(1)} MB)`;
      const samples = (name: string, values: readonly number[]) => ({ name, values });
      const anew = samples('Proofsheet', made.anew);
      const known = samples('Proofsheet', kept.known);
      return [
        compare(25, `${what}, new`, 'ms CPU', anew, samples('a sharp pipeline', made.sharp), atMost(1.15)),
        compare(25, `${what}, known`, 'ms CPU', known, samples('node:http + SHA-256', kept.hash), atMost(1.2)),
      ];
    });
  } finally {
    sharpFit.kill();
  }
}

/** 400x300 of a cached photograph, of many that were never asked for it, and of one that was. */
async function exactFormats(ours: Ours, jpeg: Buffer, dir: string, options: RunOptions): Promise<Comparison[]> {
  const { rounds, seconds } = options;
  await writeFile(join(dir, 'source'), jpeg);
  let asked = 0;
  let cached = 0;
  const cacheMore = async (): Promise<void> => {
    for (const until = cached + NEW_PICTURES; cached < until; cached++)
      await upload(ours, `cacheImage/${keyOf(cached)}`, formOf(newJpeg(jpeg, `source ${cached}`)));
  };
  const exact = (key: string): string => `${ours.url(`getImage/${key}/jpg:400x300`)}?match=exact`;
  const askNew = async (): Promise<void> => {
    const answer = await fetch(exact(keyOf(asked++)));
    await answer.arrayBuffer();
    if (answer.status !== 200) throw new Error(`expected 200 for an exact format, got ${answer.status}`);
  };
  const ipx = startModule(new URL('../peers/ipx.mjs', import.meta.url).pathname, [], { execArgv: [] });
  try {
    await once(ipx, 'message');
    const requests = Array.from({ length: NEW_PICTURES }, () => ({
      resize: '400x300',
      fit: 'inside',
      format: 'jpeg',
      quality: '75',
    }));
    const url = exact(keyOf(0));
    const small = await smallJpeg();
    for (let left = WARM_SMALL; left > 0; left--) {
      await upload(ours, `cacheImage/small-${left}`, formOf(newJpeg(small, `small ${left}`)));
      await (await fetch(exact(`small-${left}`))).arrayBuffer();
    }
    await cacheMore();
    const hit = Buffer.from(await (await warm(url)).arrayBuffer());
    return await withServers([startPeer('bare-http.mjs', { ORIGIN: url })], async (bare) => {
      const results = await alternate(rounds, {
        async anew() {
          if (cached < asked + NEW_PICTURES) await cacheMore();
          // What caching has begun has ended.
          await new Promise((resolve) => setTimeout(resolve, 500));
          return costOf(ours.pid, NEW_PICTURES, askNew);
        },
        ipx: async () => (await told(ipx, { dir, id: 'source', requests })) / NEW_PICTURES,
      });
      const known = await alternate(rounds, {
        hits: () => load({ url, seconds }),
        floor: () => load({ url: bare.origin, seconds }),
      });
      const rates = (name: string, loads: typeof known.hits) => ({
        name,
        values: loads.map(({ requestsPerSecond }) => requestsPerSecond),
      });
      const anew = { name: 'Proofsheet', values: results.anew };
      const what = 'exact 400x300 of a cached 12 MP JPEG';
      return [
        compare(26, `${what}, new`, 'ms CPU', anew, { name: 'ipx', values: results.ipx }, atMost(0.7)),
        compare(
          26,
          `${what}, known, ${hit.length} B, 32 connections, one worker`,
          'requests/s',
          rates('Proofsheet', known.hits),
          rates('node:http', known.floor),
          { rule: 'at least', value: 0.9 },
        ),
      ];
    });
  } finally {
    ipx.kill();
  }
}

async function smallJpeg(): Promise<Buffer> {
  return image(await photo(600, 450, 3))
    .jpeg({ quality: 90 })
    .toBuffer();
}

function keyOf(number: number): string {
  return `exact-${number}`;
}

/** Processor time of the process `pid` and its children for one of `times` calls, one after the other, ms. */
async function costOf(pid: number, times: number, call: () => Promise<unknown>): Promise<number> {
  const before = await treeCpuMs(pid);
  for (let time = 0; time < times; time++) await call();
  return ((await treeCpuMs(pid)) - before) / times;
}

/**
 * Waits until the processes have nothing to do, and tells what they used for it: a converter that keeps memory is replaced by a
 * fresh one some seconds behind its last picture, which is no cost of what is asked next.
 */
async function atRest(pid: number): Promise<number> {
  const before = await treeCpuMs(pid);
  for (let last = before; ; ) {
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const now = await treeCpuMs(pid);
    if (now - last < REST_MS / 20) return now - before;
    last = now;
  }
}

async function told(peer: ChildProcess, message: object): Promise<number> {
  const answered = once(peer, 'message') as Promise<[{ readonly cpuMs: number }]>;
  peer.send(message);
  return (await answered)[0].cpuMs;
}

/** The raw body, as Nextcloud sends it, and the answer's. Rejects unless it is 200. */
function post(url: string, body: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-length': body.length };
    const sent = request(url, { method: 'POST', agent, headers }, async (response) => {
      try {
        const answer = Buffer.concat(await response.toArray());
        if (response.statusCode === 200) resolve(answer);
        else reject(new Error(`expected 200, got ${response.statusCode}: ${answer}`));
      } catch (error) {
        reject(error);
      }
    });
    sent.once('error', reject);
    sent.end(body);
  });
}
