// Rows 41 to 43: the library. What a million assets cost whoever asks for one, for a page of them or how an import ended, and the
// start; how many images a second are imported from a fast origin, against their bare conversions; and what the queue adds to one.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALLOCATOR_ENVIRONMENT } from '../../../src/convert/converter-child.js';
import type { Context } from '../../../src/kernel/image-key.js';
import type { ImportId } from '../../../src/kernel/library/ids.js';
import { sequenceOf } from '../../../src/kernel/sequence.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import { startModule } from '../../support/processes.js';
import { scrape } from '../../support/server-process.js';
import { alternate, type Comparison, compare, measured } from '../comparison.js';
import { jpegOfBytes, newJpeg } from '../corpus.js';
import { externalIdOf, fillLibrary, SYSTEM } from '../fill-library.js';
import { Imports, TOKEN } from '../importing.js';
import { ADMIN_AUTH, type Ours, startOurs } from '../ours.js';
import { startPeer, withServers } from '../processes.js';
import type { RowGroup, RunOptions } from '../row-group.js';
import { formOf, upload } from '../uploads.js';

const CONTEXT = 'agency' as Context;
/** As long as its importers send theirs. */
const IMAGE = { widthPx: 1600, heightPx: 1200, bytes: 200_000 } as const;
const { formats } = sequenceOf(DEFAULT_TARGET_FORMATS);
const SETTINGS = {
  sourceTypes: ['jpeg'],
  maxSourcePixels: 268_435_456,
  maxPages: 100,
  auto: 'adaptive',
  flush: false,
} as const;
/** Questions of a round. */
const ASKED = 50;
/** Images of a round of importing: some seconds of it. */
const IMPORTED = 200;
/** What a bulk import comes to by the figures of Livingdocs' vendor. */
const REFERENCE_PER_SECOND = 28;
/** Imports of one image that the code is compiled by. */
const WARM_IMPORTS = 20;

export const library: RowGroup = {
  rows: [41, 42, 43],
  needs: [],
  async run(rows, options) {
    const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-library-'));
    try {
      await writeFile(join(dir, 'tenants.yaml'), `- { id: ${CONTEXT}, tokens: [${TOKEN}] }`);
      const found: Comparison[] = [];
      if (rows.includes(41)) found.push(...(await manyAssets(dir, options)));
      if (rows.includes(42) || rows.includes(43)) found.push(...(await importing(dir, rows, options)));
      return found;
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

function environment(dir: string): Record<string, string> {
  return {
    PROOFSHEET_TENANTS: join(dir, 'tenants.yaml'),
    PROOFSHEET_DIALECTS: 'image-converter,livingdocs',
    PROOFSHEET_IMPORT_MAX_OPEN: '1000',
  };
}

async function manyAssets(dir: string, options: RunOptions): Promise<Comparison[]> {
  const dataDir = join(dir, 'many');
  const startedAt = performance.now();
  const ids = await fillLibrary({ dataDir, assets: options.assets, context: CONTEXT, dialect: 'livingdocs' });
  options.log(`  ${options.assets} assets in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
  const begin = (): Promise<Ours> => startOurs({ dataDir, env: environment(dir) });
  const starts: number[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const ours = await begin();
    starts.push(ours.readyMs / 1_000);
    await ours.stop();
  }
  const start = { name: 'Proofsheet', values: starts };
  return [
    ...(await withServers([begin()], (ours) => questions(ours, ids, options))),
    measured(41, `start to ready with ${options.assets} assets`, 's', start, { rule: 'under', value: 2 }),
  ];
}

/** Each by the time that the server itself took, from a request's headers to the end of its answer. */
async function questions(ours: Ours, ids: readonly ImportId[], { rounds, assets }: RunOptions): Promise<Comparison[]> {
  const found: Comparison[] = [];
  let next = 0;
  const other = (count: number): number => (next++ * 7_919) % count;
  for (const { what, operation, path, admin = false } of [
    {
      what: 'how an import of 1,000 images ended, as Livingdocs tells it',
      operation: 'importStatus',
      path: () => `/livingdocs/api/v1/import/images/status?id=${ids[other(ids.length)]}`,
    },
    {
      what: 'the same, as operators are told it',
      operation: 'libraryJob',
      path: () => `/library/jobs/${ids[other(ids.length)]}`,
      admin: true,
    },
    {
      what: 'an asset by what the outside calls it',
      operation: 'mediaLibrary',
      path: () =>
        `/livingdocs/api/v1/mediaLibrary?systemName=${SYSTEM}&externalId=${encodeURIComponent(externalIdOf(other(assets)))}`,
    },
    {
      what: 'a page of 100 assets',
      operation: 'mediaLibrary',
      path: () => '/livingdocs/api/v1/mediaLibrary',
    },
  ]) {
    const authorization = admin ? ADMIN_AUTH : `Bearer ${TOKEN}`;
    const ask = async (): Promise<void> => {
      const response = await fetch(`${ours.origin}${path()}`, { headers: { authorization } });
      if (response.status !== 200) throw new Error(`expected 200 for ${operation}, got ${response.status}`);
      await response.arrayBuffer();
    };
    for (let at = 0; at < ASKED; at++) await ask();
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const before = await answeringTime(ours, operation);
      for (let at = 0; at < ASKED; at++) await ask();
      const after = await answeringTime(ours, operation);
      times.push((1_000 * (after.seconds - before.seconds)) / (after.answers - before.answers));
    }
    const values = { name: 'Proofsheet, in the server', values: times };
    found.push(measured(41, `${assets} assets: ${what}`, 'ms', values, { rule: 'under', value: 5 }));
  }
  return found;
}

async function answeringTime({ origin }: Ours, operation: string) {
  const name = 'proofsheet_http_request_duration_seconds';
  const label = `operation="${operation}"`;
  return { seconds: await scrape(origin, `${name}_sum`, label), answers: await scrape(origin, `${name}_count`, label) };
}

async function importing(dir: string, rows: readonly number[], options: RunOptions): Promise<Comparison[]> {
  const { widthPx, heightPx, bytes } = IMAGE;
  const jpeg = await jpegOfBytes(widthPx, heightPx, bytes);
  const path = join(dir, 'picture.jpg');
  await writeFile(path, jpeg);
  return withServers([startPeer('new-jpegs.mjs', { JPEG: path })], async (origin) => {
    const port = new URL(origin.origin).port;
    const env = {
      ...environment(dir),
      PROOFSHEET_FETCH_ALLOW: `127.0.0.1:${port}`,
      PROOFSHEET_FETCH_HOST_CONCURRENCY: '16',
    };
    return withServers([startOurs({ env })], async (ours) => {
      const imports = new Imports(ours, origin.origin);
      for (let at = 0; at < WARM_IMPORTS; at++) await imports.run(1);
      const kB = (jpeg.length / 1_000).toFixed(0);
      const what = `of ${kB} kB (${widthPx}x${heightPx})`;
      const found: Comparison[] = [];
      if (rows.includes(43)) found.push(await queued(ours, imports, jpeg, what, options));
      if (rows.includes(42)) found.push(...(await perSecond(imports, { dir, path, what }, options)));
      return found;
    });
  });
}

/** How fast pictures go through, and what one of them costs. */
interface Pace {
  readonly perSecond: number;
  /** Processor time of one picture, ms. */
  readonly cpuMs: number;
}

async function perSecond(
  imports: Imports,
  { dir, path, what }: { readonly dir: string; readonly path: string; readonly what: string },
  options: RunOptions,
): Promise<Comparison[]> {
  const peers = Array.from({ length: availableParallelism() }, () =>
    startModule(new URL('../peers/in-process.mjs', import.meta.url).pathname, [], {
      execArgv: [],
      env: { ...process.env, ...ALLOCATOR_ENVIRONMENT },
      serialization: 'advanced',
    }),
  );
  try {
    await Promise.all(peers.map((peer) => once(peer, 'message')));
    const repeats = Math.ceil(IMPORTED / peers.length);
    const converted = async (): Promise<Pace> => {
      const startedAt = performance.now();
      const taken = await Promise.all(
        peers.map(async (peer) => {
          const answered = once(peer, 'message') as Promise<[{ readonly cpuMs: number }]>;
          peer.send({ sourcePath: path, formats, dir, settings: SETTINGS, repeats });
          return (await answered)[0].cpuMs;
        }),
      );
      const rate = (1_000 * repeats * peers.length) / (performance.now() - startedAt);
      return { perSecond: rate, cpuMs: taken.reduce((sum, ms) => sum + ms, 0) / taken.length };
    };
    const imported = async (): Promise<Pace> => {
      const before = await imports.cpuMs();
      const rate = (1_000 * IMPORTED) / (await imports.run(IMPORTED));
      return { perSecond: rate, cpuMs: ((await imports.cpuMs()) - before) / IMPORTED };
    };
    const results = await alternate(options.rounds, { imported, converted });
    const alone = `conversions alone, ${peers.length} processes`;
    const rates = (name: string, paces: readonly Pace[]) => ({ name, values: paces.map((pace) => pace.perSecond) });
    const costs = (name: string, paces: readonly Pace[]) => ({ name, values: paces.map((pace) => pace.cpuMs) });
    const [ours, bare] = [rates('Proofsheet', results.imported), rates(alone, results.converted)];
    const [cost, bareCost] = [costs('Proofsheet', results.imported), costs(alone, results.converted)];
    const images = `images ${what} from their URLs to their assets`;
    const mostMs = Math.floor((1_000 * peers.length) / REFERENCE_PER_SECOND);
    return [
      measured(42, images, 'images/s', ours, { rule: 'at least', value: REFERENCE_PER_SECOND }),
      compare(42, images, 'images/s', ours, bare, { rule: 'at least', value: 0.5 }),
      // The same on a machine that does other things beside: so much time has each image at that rate.
      measured(42, `${images}: all processes`, 'ms CPU', cost, { rule: 'at most', value: mostMs }),
      compare(42, `${images}: all processes`, 'ms CPU', cost, bareCost, { rule: 'at most', value: 2 }),
    ];
  } finally {
    for (const peer of peers) peer.kill();
  }
}

/** What an import of one takes longer than an upload of the same picture, which waits for nobody. */
async function queued(
  ours: Ours,
  imports: Imports,
  jpeg: Buffer,
  what: string,
  { rounds }: RunOptions,
): Promise<Comparison> {
  let sent = 0;
  const uploaded = async (): Promise<number> => {
    const key = `upload-${sent++}`;
    const form = formOf(newJpeg(jpeg, key));
    const startedAt = performance.now();
    await upload(ours, `cacheImage/${key}`, form);
    return performance.now() - startedAt;
  };
  const takes = rounds * 5;
  const results = await alternate(takes, { imported: () => imports.run(1), uploaded });
  const added = results.imported.map((ms, take) => ms - (results.uploaded[take] ?? Number.NaN));
  const values = { name: 'Proofsheet', values: added };
  return measured(43, `one image ${what} in an idle server: its import over its upload`, 'ms', values, {
    rule: 'under',
    value: 50,
  });
}
