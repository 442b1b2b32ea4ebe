// A ladder that is made step by step, on servers as operators run them: killed and started again, and several over one Redis.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../support/gate.js';
import { cacheAndGet, get, Nodes, newSource } from '../../support/nodes.js';
import { type RedisServer, type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { type ServerProcess, scrape, spawnServer, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const SLOW = { timeout: 120_000 };
const LADDER = {
  PROOFSHEET_PRE_CONVERT: 'false',
  PROOFSHEET_TARGET_FORMATS: 'auto:200x150~cover,auto:400x300~cover,auto:600x400~cover,auto:1920x1080',
  PROOFSHEET_EVICTION_INTERVAL_SECONDS: '1',
};
const [TILE, RETINA, VIEWER] = ['auto:200x150~cover', 'auto:400x300~cover', 'auto:1920x1080'] as const;

async function answerOf(answer: Response): Promise<string> {
  await answer.arrayBuffer();
  return `${answer.status} ${answer.headers.get('x-proofsheet-match')?.split('; size')[0]}`;
}
const exactly = (format: string) => `200 exact; format="${format}"`;
const previewsOf = async ({ url }: ServerProcess, key: string): Promise<number> =>
  (await (await fetch(`${url}/getMetadata/${key}`)).json()).Proofsheet.previews.length;
const encodes = ({ origin }: ServerProcess) => scrape(origin, 'proofsheet_encodes_total');
/** Prepared answers carry no request id. */
const isPrepared = async (answer: Response) => {
  await answer.arrayBuffer();
  return answer.status === 200 && !answer.headers.has('x-request-id');
};

describe('one server', () => {
  let dir: TempDir;
  let server: ServerProcess;
  const begin = async () => {
    server = await startServerProcess({ ...LADDER, PROOFSHEET_DATA_DIR: dir.path });
  };
  beforeAll(async () => {
    dir = await tempDir();
    await begin();
  });
  afterAll(async () => {
    server.kill('SIGKILL');
    await server.gone;
    await dir.remove();
  });

  it('makes what is asked, also after a kill, and takes nothing of the rest for interrupted', SLOW, async () => {
    const source = await newSource('a');
    expect(await answerOf(await cacheAndGet(server, 'a', source, TILE))).toBe(exactly(TILE));
    server.kill('SIGKILL');
    await server.gone;
    await begin();
    await until(async () => isPrepared(await get(server, 'a', TILE)), 'the hit is prepared');
    // Several rounds of the upkeep, which takes up what was interrupted.
    const rounds = performance.now() + 3_500;
    await until(() => performance.now() > rounds, 'rounds pass');
    expect([await encodes(server), await previewsOf(server, 'a')]).toEqual([0, 1]);

    expect(await answerOf(await get(server, 'a', VIEWER))).toBe(exactly(VIEWER));
    expect(await answerOf(await get(server, 'a', 'auto:390x200~cover~autorotate@75'))).toBe(
      `200 larger; format="${RETINA}"`,
    );
    expect([await encodes(server), await previewsOf(server, 'a')]).toEqual([2, 3]);
    for (const format of [TILE, RETINA, VIEWER])
      await until(async () => isPrepared(await get(server, 'a', format)), 'the hit is prepared again');
    expect(await encodes(server)).toBe(2);
  });

  it('makes of each size the bytes that the whole ladder has', SLOW, async () => {
    const source = await newSource('e');
    const etagOf = async (answer: Response) => {
      await answer.arrayBuffer();
      return answer.headers.get('etag');
    };
    await (await cacheAndGet(server, 'e', source, VIEWER)).arrayBuffer();
    const eager = await startServerProcess({
      ...LADDER,
      PROOFSHEET_PRE_CONVERT: 'true',
      PROOFSHEET_DATA_DIR: join(dir.path, 'eager'),
    });
    try {
      await (await cacheAndGet(eager, 'e', source, VIEWER)).arrayBuffer();
      for (const format of [RETINA, VIEWER, TILE])
        expect(await etagOf(await get(server, 'e', format))).toBe(await etagOf(await get(eager, 'e', format)));
    } finally {
      eager.kill('SIGKILL');
      await eager.gone;
    }
  });

  it('killed in the middle of a missing size has what it had, and makes it the next time', SLOW, async () => {
    const source = await newSource('b');
    expect(await answerOf(await cacheAndGet(server, 'b', source, TILE))).toBe(exactly(TILE));
    const lost = get(server, 'b', VIEWER).then(answerOf, () => 'lost');
    server.kill('SIGKILL');
    await server.gone;
    await lost;
    await begin();
    expect(await answerOf(await get(server, 'b', TILE))).toBe(exactly(TILE));
    expect(await answerOf(await get(server, 'b', VIEWER))).toBe(exactly(VIEWER));
    expect(await previewsOf(server, 'b')).toBe(2);
  });

  it('does not start where sources are not kept, and says why', SLOW, async () => {
    const child = spawnServer({ ...LADDER, PROOFSHEET_KEEP_SOURCE: 'false', PROOFSHEET_DATA_DIR: dir.path });
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(String(chunk)));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code).toBe(78);
    expect(said.join('')).toMatch(
      /sequence\.preConvert \(PROOFSHEET_PRE_CONVERT\): expected true where storage\.keepSource is false/,
    );
  });
});

describe('nodes over one Redis', () => {
  let redis: RedisServers & { readonly server: RedisServer };
  let nodes: Nodes;
  beforeAll(async () => {
    redis = await startStandalone();
    nodes = await Nodes.start(redis.url, 2, LADDER);
  });
  afterAll(async () => {
    await nodes?.stop();
    await redis?.stop();
  });

  it('make each size once, whichever is asked, and know of each other’s', SLOW, async () => {
    const source = await newSource('c');
    expect(await answerOf(await cacheAndGet(nodes.at(0), 'c', source, TILE))).toBe(exactly(TILE));
    // The source is in Redis, so the other node has it too.
    expect(await answerOf(await get(nodes.at(1), 'c', VIEWER))).toBe(exactly(VIEWER));
    for (const node of nodes.all)
      for (const format of [TILE, VIEWER]) {
        await until(async () => (await answerOf(await get(node, 'c', format))) === exactly(format), 'both answer');
        await until(async () => isPrepared(await get(node, 'c', format)), 'the hit is prepared');
      }
    expect(await nodes.sum('proofsheet_encodes_total')).toBe(2);
    await nodes.restart(0, 'SIGKILL');
    expect(await answerOf(await get(nodes.at(0), 'c', VIEWER))).toBe(exactly(VIEWER));
    expect(await nodes.sum('proofsheet_encodes_total')).toBe(1); // Those of the one that went on.
  });

  it('asked for different sizes at the same moment lose none of them', SLOW, async () => {
    const source = await newSource('d');
    await cacheAndGet(nodes.at(0), 'd', source, TILE);
    const wanted = [RETINA, VIEWER, 'auto:600x400~cover'];
    const answers = await Promise.all(
      wanted.flatMap((format) => nodes.all.map(async (node) => answerOf(await get(node, 'd', format)))),
    );
    expect(answers).toEqual(wanted.flatMap((format) => [exactly(format), exactly(format)]));
    for (const node of nodes.all)
      await until(async () => (await previewsOf(node, 'd')) === 4, 'all four are known to both');
  });
});
