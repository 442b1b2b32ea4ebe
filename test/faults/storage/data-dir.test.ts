// Data directories that cannot be used, or not any more: refused clearly at the start; at run time hits go on, what has to
// be written is answered 507, and with the directory writable again so is everything else.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { expectAccounted } from '../../support/faults/accounts.js';
import { another, ask, clear, isWhole, said, upload, WITH_ADMIN } from '../../support/faults/server-client.js';
import { failing, withOpenFiles, withReadOnly } from '../../support/faults/wrappers.js';
import { eventually } from '../../support/gate.js';
import { RawConnection } from '../../support/http-client.js';
import { type ServerProcess, scrape, startServerProcess, type Wrapper } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

let dir: TempDir;
let photo: Buffer;
const servers: ServerProcess[] = [];

beforeEach(async () => {
  dir = await tempDir();
  photo ??= await encodedPhoto(900, 700);
});

afterEach(async () => {
  for (const server of servers) server.kill('SIGKILL');
  await Promise.all(servers.splice(0).map((server) => server.gone));
  await dir.remove();
});

async function start(
  environment: Readonly<Record<string, string>> = {},
  wrapper: Wrapper = [],
): Promise<ServerProcess> {
  const server = await startServerProcess(
    { ...WITH_ADMIN, PROOFSHEET_DATA_DIR: join(dir.path, 'data'), ...environment },
    wrapper,
  );
  servers.push(server);
  return server;
}

it.each([
  // There Node's own recursive mkdir goes round for ever: the directory above exists, and "no such directory" is the answer.
  ['in /proc', '/proc/nope'],
  ['deep in /proc', '/proc/nope/deep/er'],
  ['below a file', '/etc/hostname/data'],
  ['below a device', '/dev/null/data'],
])('a data directory %s is refused in time, naming it', async (_what, path) => {
  await expect(start({ PROOFSHEET_DATA_DIR: path })).rejects.toThrow(
    new RegExp(`ended with 1[^]*expected a data directory that can be written, got E[A-Z]+ at ${path}: check`),
  );
});

describe('a data directory on a read-only file system', () => {
  it('is refused at the start, with the reason and what to do', async () => {
    await mkdir(join(dir.path, 'data'));
    await expect(start({}, await withReadOnly(join(dir.path, 'data')))).rejects.toThrow(
      /ended with 1[\s\S]*EROFS at [\s\S]*check its owner/,
    );
  });

  it.each([
    ['every change of a directory', ['mkdir', 'rename', 'link', 'linkat', 'unlink'], 'EROFS'],
    ['new names alone', ['link', 'linkat'], 'EIO'],
  ])(
    'at run time (%s): answers hits, refuses what must be written, and recovers',
    async (_what, systemCalls, errno) => {
      const server = await start();
      expect(said(await upload(`${server.url}/cacheImage/a`, another(photo)))).toBe('200');
      const end = await failing(server.pid, systemCalls, errno);
      const refusal = errno === 'EIO' ? '500/5000' : '507/5070';
      for (const format of ['auto:200x150', 'auto:800x800'])
        expect(isWhole(await ask(`${server.url}/getImage/a/${format}`))).toBe(true);
      expect(said(await upload(`${server.url}/cacheImage/b`, another(photo)))).toBe(refusal);
      expect(said(await upload(`${server.url}/cacheAndGetImage/b/auto:200x150`, another(photo)))).toBe(refusal);
      expect(said(await ask(`${server.url}/getMetadata/b`))).toBe('404/4040');
      const cleared = await clear(`${server.url}/clearImagesByKey/a`);
      expect(['200', '507/5070']).toContain(said(cleared));
      expect(said(await ask(`${server.url}/getMetadata/a`))).toBe(cleared.status === 200 ? '404/4040' : '200');
      await end();
      // What was stored gives no room where there is enough of it.
      expect(await scrape(server.origin, 'proofsheet_evictions_total')).toBe(0);
      expect(said(await upload(`${server.url}/cacheImage/b`, another(photo)))).toBe('200');
      expect(said(await clear(`${server.url}/clearImagesByKey/a`))).toBe('200');
      expect(isWhole(await ask(`${server.url}/getImage/b/auto:200x150`))).toBe(true);
      server.kill('SIGTERM');
      expect(await server.gone).toBe(0);
      await expectAccounted(join(dir.path, 'data'));
    },
  );
});

describe('a catalog whose first pages cannot be written', () => {
  it('ends the process, which LMDB asks for, and the next one finds everything that was acknowledged', async () => {
    const server = await start();
    expect(said(await upload(`${server.url}/cacheImage/a`, another(photo)))).toBe('200');
    const end = await failing(server.pid, ['pwrite64'], 'EIO');
    // Its end may come before the refusal is sent, or after.
    const refused = await upload(`${server.url}/cacheImage/b`, another(photo)).then(
      said,
      ({ message }: Error) => message,
    );
    expect(['fetch failed', '507/5070']).toContain(refused);
    expect(await server.gone).toBe(1);
    await end();
    expect(server.log.some(({ message }) => message === 'unexpected failure; the process ends')).toBe(true);
    const restarted = await start();
    expect(isWhole(await ask(`${restarted.url}/getImage/a/auto:800x800`))).toBe(true);
    expect(said(await upload(`${restarted.url}/cacheImage/b`, another(photo)))).toBe('200');
  });
});

describe('out of file handles', () => {
  it('refuses with 503 or closes, and recovers as soon as there are some', async () => {
    const server = await start({}, await withOpenFiles(256));
    expect(said(await upload(`${server.url}/cacheImage/a`, another(photo)))).toBe('200');
    const hogs = [];
    for (let n = 0; n < 240; n++) hogs.push(await RawConnection.open(server.origin).catch(() => undefined));
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        upload(`${server.url}/cacheImage/hogged-${n}`, another(photo)).then(said, () => 'closed'),
      ),
    );
    for (const outcome of outcomes) expect(['200', '503/5030', 'closed']).toContain(outcome);
    for (const hog of hogs) hog?.destroy();
    // Until it has some, it may close what comes.
    await eventually(
      async () => said(await upload(`${server.url}/cacheImage/b`, another(photo))) === '200',
      'it recovers',
    );
    for (const key of ['a', 'b'])
      expect(isWhole(await ask(`${server.url}/getImage/${key}/auto:800x800`)), key).toBe(true);
    server.kill('SIGTERM');
    expect(await server.gone).toBe(0);
    await expectAccounted(join(dir.path, 'data'));
  });
});

describe('two servers on one data directory', () => {
  it('are one cache: uploads, overwrites, clears and sweeps on both, and nothing is lost between them', async () => {
    const environment = { PROOFSHEET_EVICTION_INTERVAL_SECONDS: '1', PROOFSHEET_ORPHAN_GRACE_SECONDS: '60' };
    const both = [await start(environment), await start(environment)];
    const expected = new Map<string, boolean>();
    const clients = both.flatMap((server, index) =>
      [0, 1].map(async (client) => {
        for (let n = 0; n < 10; n++) {
          const key = `${index}-${client}-${n}`;
          // The same sources on both sides, so that one's clear and sweep meet the other's upload of the same blobs.
          const source = Buffer.concat([photo, Buffer.from(`source ${n % 3}`)]);
          expect(said(await upload(`${server.url}/cacheImage/${key}`, source))).toBe('200');
          expected.set(key, true);
          if (n % 2 === 0) continue;
          expect(said(await clear(`${both[1 - index]?.url}/clearImagesByKey/${key}`))).toBe('200');
          expected.set(key, false);
        }
      }),
    );
    await Promise.all(clients);
    for (const server of both) {
      for (const [key, held] of expected) {
        const outcome = await ask(`${server.url}/getImage/${key}/auto:800x800`);
        if (held) expect(isWhole(outcome), `${key}: ${said(outcome)}`).toBe(true);
        else expect(said(outcome), key).toBe('404/4040');
      }
      expect(await scrape(server.origin, 'proofsheet_healed_previews_total')).toBe(0);
    }
    for (const server of both) server.kill('SIGTERM');
    expect(await Promise.all(both.map((server) => server.gone))).toEqual([0, 0]);
    const { groups } = await expectAccounted(join(dir.path, 'data'));
    expect(groups).toBe(20);
  }, 300_000);
});

describe('a catalog of a newer version', () => {
  it('is refused with advice and exit code 1, and left as it is', async () => {
    const first = await start();
    expect(said(await upload(`${first.url}/cacheImage/a`, another(photo)))).toBe('200');
    first.kill('SIGTERM');
    await first.gone;
    await changeSchema(join(dir.path, 'data', 'catalog'), 1);
    await expect(start()).rejects.toThrow(
      /ended with 1\n[\s\S]*in the data directory, got \d+: it was written by a newer version/,
    );
    await changeSchema(join(dir.path, 'data', 'catalog'), -1);
    const again = await start();
    expect(isWhole(await ask(`${again.url}/getImage/a/auto:800x800`))).toBe(true);
  });
});

describe('a data directory that is removed while the server runs', () => {
  it('is no crash: uploads are refused until a restart, which begins anew', async () => {
    const server = await start();
    expect(said(await upload(`${server.url}/cacheImage/a`, another(photo)))).toBe('200');
    await rm(join(dir.path, 'data'), { recursive: true });
    // What is acknowledged into removed files would be lost: refused.
    expect(said(await upload(`${server.url}/cacheImage/b`, another(photo)))).toBe('507/5070');
    expect(said(await upload(`${server.url}/cacheAndGetImage/c/auto:200x150`, another(photo)))).toBe('507/5070');
    expect((await ask(`${server.origin}/readyz`)).body.toString()).toContain('"disk":"degraded"');
    expect((await ask(`${server.origin}/healthz`)).status).toBe(200);
    server.kill('SIGTERM');
    await server.gone;
    const restarted = await start();
    expect(said(await upload(`${restarted.url}/cacheImage/d`, another(photo)))).toBe('200');
    restarted.kill('SIGTERM');
    await restarted.gone;
    await expectAccounted(join(dir.path, 'data'));
  });
});

async function changeSchema(path: string, by: number): Promise<void> {
  const options = { encoding: 'binary', keyEncoding: 'binary' } as const;
  const root = open<Buffer, Buffer>({ path, noSubdir: false, maxDbs: 32, ...options });
  const facts = root.openDB<Buffer, Buffer>('facts', options);
  const value = Buffer.from(facts.get(Buffer.from('schema')) ?? Buffer.alloc(8));
  value.writeDoubleBE(value.readDoubleBE(0) + by);
  await facts.put(Buffer.from('schema'), value);
  await root.close();
}
