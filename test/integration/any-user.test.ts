// The server as the chart of the original runs its container: some user without rights in group 1000, the image's own data directory
// closed to it, one writable directory mounted, and a property file beside it.
import { chmod, chown, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { GroupLock } from '../../src/stores/embedded/group-lock.js';
import { until } from '../support/gate.js';
import { cacheAndGet, get, newSource } from '../support/nodes.js';
import { type ServerProcess, startServerProcess, type Wrapper } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { requireTool } from '../support/tools.js';

const SLOW = { timeout: 120_000 };
const UID = 54_321;
const GID = 1_000;
const IS_ROOT = process.getuid?.() === 0;

let dir: TempDir;
let server: ServerProcess | undefined;
beforeEach(async () => {
  dir = await tempDir();
  // Whoever it is has to get there, as to a mounted directory; nobody may look around.
  for (const path of [dir.path, dirname(dir.path)]) await chmod(path, 0o711);
});
afterEach(async () => {
  server?.kill('SIGKILL');
  await server?.gone;
  server = undefined;
  await dir.remove();
});

/** An ordinary user who runs the tests is one already. Reading the checkout is allowed, wherever it is: in the image all may. */
async function wrapper(): Promise<Wrapper> {
  if (!IS_ROOT) return [];
  const reading = '-all,+dac_read_search';
  return [
    await requireTool('setpriv'),
    `--reuid=${UID}`,
    `--regid=${GID}`,
    '--clear-groups',
    `--inh-caps=${reading}`,
    `--ambient-caps=${reading}`,
  ];
}

/** As the image makes /data, and as a volume for the group is mounted. */
async function groupDirectory(name: string): Promise<string> {
  const path = join(dir.path, name);
  await mkdir(path);
  if (IS_ROOT) await chown(path, 0, GID);
  await chmod(path, 0o2770);
  return path;
}

it(
  'works in a directory of its group, in place of one that is closed to it, with the mounted properties',
  SLOW,
  async () => {
    const closed = join(dir.path, 'closed');
    await mkdir(closed, { mode: 0o555 });
    const spool = await groupDirectory('spool');
    const properties = join(dir.path, 'imageconverter.properties');
    const prefix = 'com.openexchange.imageconverter';
    await writeFile(
      properties,
      `${prefix}.preConvert.enabled=false\n${prefix}.cache.maxKeyCount=1234\n${prefix}.imagemagick.userComment=OX_IC\n`,
    );
    server = await startServerProcess(
      {
        PROOFSHEET_PROFILE: 'app-suite',
        PROOFSHEET_HEALTH_PORT: '0',
        PROOFSHEET_OX_PROPERTIES: properties,
        PROOFSHEET_DATA_DIR: join(closed, 'data'),
        PROOFSHEET_FALLBACK_DATA_DIR: spool,
      },
      await wrapper(),
    );
    expect(server.log.filter(({ message }) => message === 'the properties of the original were read')).toMatchObject([
      {
        used: ['preConvert.enabled', 'cache.maxKeyCount'],
        notApplicable: { 'imagemagick.userComment': 'previews carry no metadata' },
      },
    ]);
    expect(server.log.find(({ message }) => message === 'listening')?.dataDir).toBe(spool);
    expect(await readdir(closed)).toEqual([]);

    const request = 'auto:200x150~cover~autorotate@75';
    const uploaded = await cacheAndGet(server, 'a', await newSource('a'), request);
    expect([uploaded.status, uploaded.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    const { Proofsheet } = await (await fetch(`${server.url}/getMetadata/a`)).json();
    expect(Proofsheet.previews).toHaveLength(1);
    const owner = await stat(join(spool, 'blobs'));
    expect([owner.uid, owner.gid]).toEqual(IS_ROOT ? [UID, GID] : [process.getuid?.(), owner.gid]);
    const { origin } = server;
    const text = async () => (await fetch(`${origin}/metrics`)).text();
    await until(
      async () => (await text()).includes('objectcache_items_maximum_count{group="OX_IC"} 1234'),
      'it is told',
    );

    server.kill('SIGTERM');
    expect(await server.gone).toBe(0);
    server = await startServerProcess(
      { PROOFSHEET_PROFILE: 'app-suite', PROOFSHEET_HEALTH_PORT: '0', PROOFSHEET_DATA_DIR: spool },
      await wrapper(),
    );
    expect((await get(server, 'a', request)).status).toBe(200);
  },
);

it('does not wait for a server that it may not ask any more, and says in a line whose that is', SLOW, async () => {
  const data = await groupDirectory('data');
  const lock = await GroupLock.take(join(data, 'in-use'), 'b'.repeat(12));
  lock.answerBy((_, socket) => socket.resume());
  const name = join(data, 'in-use', lock.name);
  await chmod(name, 0o777);
  server = await startServerProcess({ PROOFSHEET_DATA_DIR: data }, await wrapper());
  const { log } = server;
  await until(() => log.some(({ message }) => String(message).startsWith('a server in another container')), 'it waits');
  await chmod(name, 0o400);
  expect(await server.gone).toBe(1);
  lock.release();
  expect(log.filter(({ level }) => level === 'error')).toEqual([
    expect.objectContaining({
      message: 'cannot start',
      reason: expect.stringContaining(`${name}, which belongs to uid ${process.getuid?.()}`),
    }),
  ]);
  expect(JSON.stringify(log)).not.toContain('    at ');
});
