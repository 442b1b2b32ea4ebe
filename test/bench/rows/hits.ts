// Rows 1 to 5: hits from memory and revalidations, against bare node:http, Express alone and nginx.
import { requireTool } from '../../support/tools.js';
import { alternate, type Comparison, compare, type Samples } from '../comparison.js';
import { type LoadResult, load } from '../load.js';
import { startNginx } from '../nginx.js';
import { type Ours, startOurs, warm } from '../ours.js';
import { type PreviewSize, sourceForPreview } from '../pictures.js';
import { type Server, startPeer, withServers } from '../processes.js';
import type { RowGroup, RunOptions } from '../row-group.js';
import { formOf, upload } from '../uploads.js';

const SMALL = { widthPx: 200, heightPx: 150, minBytes: 5_000, maxBytes: 6_000 };
const LARGE = { widthPx: 1920, heightPx: 1080, minBytes: 165_000, maxBytes: 175_000 };
/** An everyday preview of a photograph, and a large one: one worker against one process of node:http. */
const LARGER: readonly PreviewSize[] = [
  { ...LARGE, minBytes: 380_000, maxBytes: 394_000 },
  { ...LARGE, minBytes: 720_000, maxBytes: 750_000 },
  { widthPx: 2560, heightPx: 1600, minBytes: 1_450_000, maxBytes: 1_550_000 },
];
const EXPRESS_ALONE = new URL('../peers/express-alone.mjs', import.meta.url).pathname;

/** A preview that is cached, hot, and where it is found. */
interface Hit {
  readonly url: string;
  readonly path: string;
  readonly bytes: Buffer;
  readonly etag: string;
}

export const hits: RowGroup = {
  rows: [1, 2, 3, 4, 5],
  needs: ['wrk', 'nginx'],
  async run(rows, options) {
    const found: Comparison[] = [];
    if (rows.some((row) => row !== 3 && row !== 4)) found.push(...(await smallHits(rows, options)));
    if (rows.includes(3)) found.push(await twoWorkers(options));
    if (rows.includes(4)) {
      found.push(...(await largeHits(options)));
      for (const size of LARGER) found.push(await largerHit(size, options));
    }
    return found;
  },
};

async function smallHits(rows: readonly number[], options: RunOptions): Promise<Comparison[]> {
  const source = await sourceForPreview(SMALL);
  return withServers([startOurs(), startOurs({ entry: EXPRESS_ALONE })], async (ours, express) => {
    const hit = await makeHit(ours, source, 'auto:200x150');
    const slow = await makeHit(express, source, 'auto:200x150');
    const what = `hit, ${hit.bytes.length} B, 32 connections, one worker`;
    const bare = startPeer('bare-http.mjs', { ORIGIN: hit.url });
    const bare304 = startPeer('bare-http.mjs', { ORIGIN: hit.url, ETAG: hit.etag });
    return withServers([bare, bare304], async (floor, floor304) => {
      const found: Comparison[] = [];
      if (rows.includes(1) || rows.includes(2)) {
        const results = await alternate(options.rounds, {
          ours: () => rate(hit.url, options),
          floor: () => rate(floor.origin, options),
          express: () => rate(slow.url, options),
        });
        const mine = samples('Proofsheet', results.ours);
        const bareHttp = samples('node:http', results.floor);
        if (rows.includes(1)) {
          found.push(compare(1, what, 'requests/s', mine, bareHttp, { rule: 'at least', value: 0.9 }, bareHttp));
        }
        if (rows.includes(2)) {
          const alone = samples('Express alone', results.express);
          found.push(compare(2, what, 'requests/s', mine, alone, { rule: 'at least', value: 4 }, bareHttp));
        }
      }
      if (rows.includes(5)) found.push(await revalidations(hit, floor304, options));
      return found;
    });
  });
}

async function revalidations(hit: Hit, floor: Server, options: RunOptions): Promise<Comparison> {
  const headers = { 'If-None-Match': hit.etag };
  const { status } = await fetch(hit.url, { headers });
  if (status !== 304) throw new Error(`expected 304 for a revalidation, got ${status}`);
  const results = await alternate(options.rounds, {
    ours: () => rate(hit.url, options, headers),
    floor: () => rate(floor.origin, options, headers),
  });
  const bare = samples('node:http 304', results.floor);
  const mustBe = { rule: 'at least', value: 0.93 } as const;
  return compare(5, '304 on If-None-Match', 'requests/s', samples('Proofsheet', results.ours), bare, mustBe, bare);
}

async function twoWorkers(options: RunOptions): Promise<Comparison> {
  const source = await sourceForPreview(SMALL);
  return withServers([startOurs({ workers: 2 })], async (ours) => {
    const hit = await makeHit(ours, source, 'auto:200x150');
    const nginx = startNginx({ binary: await requireTool('nginx'), files: { 'hit.jpg': hit.bytes } });
    // What two processes of Node come to on this machine, with what asks them on the same cores.
    const bare = startPeer('bare-http.mjs', { ORIGIN: hit.url, WORKERS: '2' });
    return withServers([nginx, bare], async (peer, floor) => {
      const results = await alternate(options.rounds, {
        ours: () => rate(hit.url, options),
        nginx: () => rate(`${peer.origin}/hit.jpg`, options),
        floor: () => rate(floor.origin, options),
      });
      const mustBe = { rule: 'at least', value: 0.95 } as const;
      const what = `hit, ${hit.bytes.length} B, 32 connections, two workers`;
      const mine = samples('Proofsheet', results.ours);
      const bareHttp = samples('node:http, two processes', results.floor);
      return compare(3, what, 'requests/s', mine, samples('nginx', results.nginx), mustBe, bareHttp);
    });
  });
}

/** Against one process of node:http with one worker, against nginx's two with two. */
async function largeHits(options: RunOptions): Promise<Comparison[]> {
  const source = await sourceForPreview(LARGE);
  return withServers([startOurs(), startOurs({ workers: 2 })], async (ours, pair) => {
    const hit = await makeHit(ours, source, 'auto:1920x1080');
    const pairHit = await makeHit(pair, source, 'auto:1920x1080');
    const bare = startPeer('bare-http.mjs', { ORIGIN: hit.url });
    const nginx = startNginx({ binary: await requireTool('nginx'), files: { 'hit.jpg': hit.bytes } });
    return withServers([bare, nginx], async (floor, peer) => {
      const results = await alternate(options.rounds, {
        ours: () => rate(hit.url, options),
        floor: () => rate(floor.origin, options),
        pair: () => rate(pairHit.url, options),
        nginx: () => rate(`${peer.origin}/hit.jpg`, options),
      });
      const what = `hit, ${hit.bytes.length} B, 32 connections`;
      const bareHttp = samples('node:http', results.floor);
      const mine = samples('Proofsheet', results.ours);
      const two = samples('Proofsheet', results.pair);
      const atLeast = (value: number) => ({ rule: 'at least', value }) as const;
      return [
        compare(4, `${what}, one worker`, 'requests/s', mine, bareHttp, atLeast(0.9), bareHttp),
        compare(4, `${what}, two workers`, 'requests/s', two, samples('nginx', results.nginx), atLeast(0.95)),
      ];
    });
  });
}

async function largerHit(size: PreviewSize, options: RunOptions): Promise<Comparison> {
  const source = await sourceForPreview(size);
  const format = `auto:${size.widthPx}x${size.heightPx}`;
  return withServers([startOurs({ env: { PROOFSHEET_TARGET_FORMATS: format } })], async (ours) => {
    const hit = await makeHit(ours, source, format);
    return withServers([startPeer('bare-http.mjs', { ORIGIN: hit.url })], async (floor) => {
      const results = await alternate(options.rounds, {
        ours: () => rate(hit.url, options),
        floor: () => rate(floor.origin, options),
      });
      const bare = samples('node:http', results.floor);
      const what = `hit, ${hit.bytes.length} B, 32 connections, one worker`;
      const mustBe = { rule: 'at least', value: 0.9 } as const;
      return compare(4, what, 'requests/s', samples('Proofsheet', results.ours), bare, mustBe, bare);
    });
  });
}

/** Uploads the source and asks for the preview until every process answers it from its hot lane. */
async function makeHit(ours: Ours, source: Buffer, format: string): Promise<Hit> {
  await upload(ours, 'cacheImage/hit', formOf(source));
  const path = `getImage/hit/${format}`;
  const url = ours.url(path);
  const response = await warm(url);
  return { url, path, bytes: Buffer.from(await response.arrayBuffer()), etag: response.headers.get('etag') ?? '' };
}

function rate(
  url: string,
  { seconds }: RunOptions,
  headers: Readonly<Record<string, string>> = {},
): Promise<LoadResult> {
  return load({ url, seconds, headers });
}

function samples(name: string, results: readonly LoadResult[]): Samples {
  return { name, values: results.map((result) => result.requestsPerSecond) };
}
