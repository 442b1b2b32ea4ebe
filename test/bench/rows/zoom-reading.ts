// Rows 64 to 66: tiles from the disk against nginx on the files, a region that no tile shows against iipsrv, and a thousand viewers that
// pan while pictures are imported, against the same alone.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { WorkTally } from '../../../src/convert/convert-source.js';
import { DecodedTiles } from '../../../src/convert/zoom/decoded-tiles.js';
import { drawRegion } from '../../../src/convert/zoom/region.js';
import { digestOf } from '../../../src/kernel/digest.js';
import { areaOf, type Size } from '../../../src/kernel/sizes.js';
import { resolveImageRequest } from '../../../src/kernel/zoom/image-request.js';
import { maxLevelOf, TILE_SIDE_PX, tilesOf } from '../../../src/kernel/zoom/pyramid.js';
import { layOut } from '../../../src/previews/zoom/lay-out.js';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { run } from '../../support/processes.js';
import { requireTool } from '../../support/tools.js';
import { alternate, type Comparison, compare, measured } from '../comparison.js';
import { jpegOfBytes } from '../corpus.js';
import { startIipsrv } from '../iipsrv.js';
import { Imports, TOKEN } from '../importing.js';
import { startNginx } from '../nginx.js';
import { type Ours, startOurs } from '../ours.js';
import { loadPaths } from '../paths.js';
import { treeMemory } from '../process-tree.js';
import { startPeer, withServers } from '../processes.js';
import type { RowGroup, RunOptions } from '../row-group.js';
import { formOf, upload } from '../uploads.js';

const SIZE: Size = { widthPx: 4_000, heightPx: 3_000 };
/** Pictures whose tiles are read in turn: some twice what the memory tier holds for bytes, so that none is there still. */
const PICTURES = 4;
const SMALL_MEMORY = '12MiB';
/** Regions of a round, each of them new. */
const REGIONS = 24;
/** Of a picture of this size; where a viewer went that was recorded on it. */
const LARGE: Size = { widthPx: 12_000, heightPx: 8_400 };
const VIEWERS = 1_000;
/** Of each viewer between two tiles. */
const PAUSE_MS = 500;
const VIEWER_PATH = new URL('../viewer-path.txt', import.meta.url);
/** Images of an import that goes on beside the viewers. */
const IMPORTED = 8;
const ZOOMING = { PROOFSHEET_DIALECTS: 'image-converter,dzi,iiif,livingdocs', PROOFSHEET_ZOOM_WAIT_MS: '60000' };

export const zoomReading: RowGroup = {
  rows: [64, 65, 66],
  needs: ['wrk', 'nginx', 'vips', 'iipsrv'],
  async run(rows, options) {
    const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-reading-'));
    try {
      const found: Comparison[] = [];
      if (rows.includes(64)) found.push(await fromDisk(dir, options));
      if (rows.includes(65)) found.push(...(await regions(dir, options)));
      if (rows.includes(66)) found.push(...(await panning(dir, options)));
      return found;
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

/** All tiles of the full size and of the next, by their names behind the picture's. */
function tileNames(): readonly string[] {
  return [...tilesOf(SIZE)]
    .filter(({ level }) => level >= maxLevelOf(SIZE) - 1)
    .map(({ level, column, row }) => `${level}/${column}_${row}.jpg`);
}

async function fromDisk(dir: string, options: RunOptions): Promise<Comparison> {
  const env = { ...ZOOMING, PROOFSHEET_MEMORY_MAX_BYTES: SMALL_MEMORY };
  return withServers([startOurs({ env })], async (ours) => {
    const files: Record<string, Buffer> = {};
    const [own, peers]: [string[], string[]] = [[], []];
    for (let picture = 0; picture < PICTURES; picture++) {
      await upload(ours, `cacheImage/photo-${picture}`, formOf(await grainy(SIZE)));
      for (const name of tileNames()) {
        const path = `/dzi/_/photo-${picture}_files/${name}`;
        const file = `${picture}-${name.replace('/', '-')}`;
        files[file] = Buffer.from(await (await fetch(`${ours.origin}${path}`)).arrayBuffer());
        own.push(path);
        peers.push(`/${file}`);
      }
    }
    const [ownList, peerList] = [join(dir, 'own.txt'), join(dir, 'files.txt')];
    await writeFile(ownList, own.join('\n'));
    await writeFile(peerList, peers.join('\n'));
    const nginx = startNginx({ binary: await requireTool('nginx'), files, workers: 1 });
    const parts = startPeer('parts-of-file.mjs', await asOneFile(dir, files));
    return withServers([nginx, parts], async (peer, bare) => {
      const rate = async (origin: string, list: string) => (await loadPaths(origin, list, options)).requestsPerSecond;
      const results = await alternate(options.rounds, {
        ours: () => rate(ours.origin, ownList),
        nginx: () => rate(peer.origin, peerList),
        floor: () => rate(bare.origin, peerList),
      });
      const bytes = Object.values(files).reduce((sum, { length }) => sum + length, 0);
      const mean = Math.round(bytes / own.length);
      options.log(`  ${own.length} tiles, ${(bytes / 1024 ** 2).toFixed(1)} MiB`);
      const what = `a tile from disk, ${mean} B on average, ${own.length} in turn, one worker`;
      const mine = { name: 'Proofsheet', values: results.ours };
      return compare(
        64,
        what,
        'requests/s',
        mine,
        { name: 'nginx', values: results.nginx },
        { rule: 'at least', value: 0.5 },
        { name: 'pread, SHA-256 and node:http', values: results.floor },
      );
    });
  });
}

/** The files one behind the other in one, and where each lies, for a peer. */
async function asOneFile(dir: string, files: Readonly<Record<string, Buffer>>): Promise<Record<string, string>> {
  const [file, list] = [join(dir, 'parts'), join(dir, 'parts.json')];
  const parts: Record<string, object> = {};
  let start = 0;
  for (const [name, bytes] of Object.entries(files)) {
    parts[`/${name}`] = { start, bytes: bytes.length, digest: digestOf(bytes) };
    start += bytes.length;
  }
  await writeFile(file, Buffer.concat(Object.values(files)));
  await writeFile(list, JSON.stringify(parts));
  return { FILE: file, PARTS: list };
}

/** Noise, as the film of a scan has it, which makes tiles as large as those of scans. */
function grainy({ widthPx: width, heightPx: height }: Size): Promise<Buffer> {
  const noise = { type: 'gaussian', mean: 128, sigma: 12 } as const;
  return sharp({ create: { width, height, channels: 3, background: '#888', noise } })
    .jpeg({ quality: 85 })
    .toBuffer();
}

async function regions(dir: string, options: RunOptions): Promise<Comparison[]> {
  const [source, tiff] = [join(dir, 'source.jpg'), join(dir, 'pyramid.tif')];
  const jpeg = await encodedPhoto(LARGE.widthPx, LARGE.heightPx);
  await writeFile(source, jpeg);
  const side = String(TILE_SIDE_PX);
  const tiled = [
    '--tile',
    '--pyramid',
    '--compression',
    'jpeg',
    '--Q',
    '85',
    '--tile-width',
    side,
    '--tile-height',
    side,
  ];
  await run(await requireTool('vips'), ['tiffsave', source, tiff, ...tiled]);
  return withServers([startOurs({ env: ZOOMING })], async (ours) => {
    await upload(ours, 'cacheImage/photo', formOf(jpeg));
    await (await fetch(`${ours.origin}/dzi/_/photo_files/${maxLevelOf(LARGE)}/0_0.jpg`)).arrayBuffer();
    const iipsrv = await requireTool('iipsrv');
    return withServers([startIipsrv(iipsrv), startIipsrv(iipsrv, false)], async (peer, forgetful) => {
      let asked = 0;
      const times = async (draw: (region: string) => Promise<unknown>): Promise<number> => {
        const startedAt = performance.now();
        // Nowhere twice, and never along the tiles.
        for (let at = 0; at < REGIONS; at++)
          await draw(`${(asked * 977) % 9_900},${1 + ((asked++ * 619) % 6_300)},2048,2048`);
        return (performance.now() - startedAt) / REGIONS;
      };
      const fetched = async (url: string): Promise<Buffer> => {
        const answer = await fetch(url);
        if (answer.status !== 200) throw new Error(`expected a picture, got ${answer.status} ${await answer.text()}`);
        return Buffer.from(await answer.arrayBuffer());
      };
      const alone = await drawnAlone((name) => fetched(`${ours.origin}/dzi/_/photo_files/${name}`));
      const text = (region: string) => `${region}/512,512/0/default.jpg`;
      const contenders = {
        ours: () => times((region) => fetched(`${ours.origin}/iiif/3/photo/${text(region)}`)),
        iipsrv: () => times((region) => fetched(peer.url(tiff, text(region)))),
        forgetful: () => times((region) => fetched(forgetful.url(tiff, text(region)))),
        floor: () => times(alone),
      };
      await contenders.ours();
      await contenders.iipsrv();
      await contenders.forgetful();
      await contenders.floor();
      const results = await alternate(options.rounds, contenders);
      const what = 'a region of 2048x2048 at a quarter, along no tile, the first time, one at a time';
      const mine = { name: 'Proofsheet', values: results.ours };
      const floor = { name: 'its drawing alone', values: results.floor };
      const bound = { rule: 'at most', value: 1 } as const;
      const against = (name: string, values: readonly number[]): Comparison =>
        compare(65, what, 'ms', mine, { name, values }, bound, floor);
      return [against('iipsrv', results.iipsrv), against('iipsrv without its cache of tiles', results.forgetful)];
    });
  });
}

/** What a converter child does for a region, done here of tiles that are in memory: no request, no read, no message. */
async function drawnAlone(tileOf: (name: string) => Promise<Buffer>): Promise<(region: string) => Promise<unknown>> {
  sharp.concurrency(1);
  sharp.cache(false);
  const decoded = new DecodedTiles();
  const tiles = new Map<string, Buffer>();
  for (const { level, column, row } of tilesOf(LARGE)) {
    const name = `${level}/${column}_${row}`;
    if (level === maxLevelOf(LARGE) - 2) tiles.set(name, await tileOf(`${name}.jpg`));
  }
  const limits = { maxAreaPx: areaOf(LARGE), maxSidePx: LARGE.widthPx };
  return (region) => {
    const words = { region, size: '512,512', rotation: '0', quality: 'default', format: 'jpg' };
    const layout = layOut(LARGE, resolveImageRequest(3, LARGE, words, limits));
    const { task: zoom, bytes: content } = layout.with(
      layout.places.map(({ level, column, row }) => {
        const bytes = tiles.get(`${level}/${column}_${row}`) ?? Buffer.alloc(0);
        return { bytes, digest: digestOf(bytes) };
      }),
    );
    const job = { sourcePath: '', outputDir: '', content, zoom };
    return drawRegion(job, { flush: false }, new WorkTally(), decoded);
  };
}

async function panning(dir: string, options: RunOptions): Promise<Comparison[]> {
  const [picture, list, tenants] = [join(dir, 'import.jpg'), join(dir, 'path.txt'), join(dir, 'tenants.yaml')];
  await writeFile(picture, await jpegOfBytes(1_600, 1_200, 200_000));
  await writeFile(tenants, `- { id: agency, tokens: [${TOKEN}] }`);
  const path = (await readFile(VIEWER_PATH, 'utf8')).trim().split('\n');
  await writeFile(list, path.map((tile) => `/dzi/_/photo_files/${tile}`).join('\n'));
  return withServers([startPeer('new-jpegs.mjs', { JPEG: picture })], async (origin) => {
    const env = {
      ...ZOOMING,
      PROOFSHEET_TENANTS: tenants,
      PROOFSHEET_FETCH_ALLOW: `127.0.0.1:${new URL(origin.origin).port}`,
      PROOFSHEET_FETCH_HOST_CONCURRENCY: '16',
    };
    return withServers([startOurs({ env })], async (ours) => {
      await upload(ours, 'cacheImage/photo', formOf(await encodedPhoto(LARGE.widthPx, LARGE.heightPx)));
      for (const tile of path) await (await fetch(`${ours.origin}/dzi/_/photo_files/${tile}`)).arrayBuffer();
      return viewed(ours, list, new Imports(ours, origin.origin), options);
    });
  });
}

async function viewed(
  ours: Ours,
  list: string,
  imports: Imports,
  { rounds, seconds }: RunOptions,
): Promise<Comparison[]> {
  const load = { seconds, connections: VIEWERS, pauseMs: PAUSE_MS };
  const memory: number[] = [];
  const p99 = async (): Promise<number> => {
    const viewing = loadPaths(ours.origin, list, load);
    setTimeout(async () => memory.push((await treeMemory(ours.pid)) / 1024 ** 2), seconds * 500);
    return (await viewing).p99Ms;
  };
  const meanwhile = async (): Promise<number> => {
    const over = { is: false };
    const importing = (async () => {
      while (!over.is) await imports.run(IMPORTED);
    })();
    const found = await p99();
    over.is = true;
    await importing;
    return found;
  };
  await p99();
  memory.length = 0;
  const results = await alternate(rounds, { meanwhile, alone: p99 });
  const what = `${VIEWERS} viewers along a recorded path, a tile each every ${PAUSE_MS} ms: 99th percentile`;
  const busy = { name: 'while pictures are imported', values: results.meanwhile };
  const alone = { name: 'alone', values: results.alone };
  const held = { name: 'Proofsheet', values: memory };
  return [
    compare(66, what, 'ms', busy, alone, { rule: 'at most', value: 3 }),
    measured(66, 'the same: memory of all processes', 'MiB', held, { rule: 'at most', value: 512 }),
  ];
}
