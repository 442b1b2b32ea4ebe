// kill -9 at random moments of a load that uploads, overwrites, loses previews, reads and clears: what was acknowledged
// holds after the restart, and every file and every count is accounted for. Servers of one process and of several, of which the supervisor
// alone or everybody is killed, and servers in PID namespaces of their own, as in containers, in turn on one data directory.
import { expect, it } from 'vitest';
import { foreignHolders, lockDir } from '../../src/stores/embedded/group-lock.js';
import { expectAccounted } from '../support/faults/accounts.js';
import { KillLoad, LOAD_ADMIN } from '../support/faults/kill-load.js';
import { inContainer } from '../support/faults/wrappers.js';
import { until } from '../support/gate.js';
import { descendantsOf, signalIfThere } from '../support/processes.js';
import { type ServerProcess, scrape, startServerProcess } from '../support/server-process.js';
import { withTempDir } from '../support/temp-dir.js';

/** Three of each victim's turns: a clear that is acknowledged before it is written shows after a few; `PROOFSHEET_TEST_KILLS=1000` for a long run. */
const KILLS = Number(process.env.PROOFSHEET_TEST_KILLS ?? 18);
const CLIENTS = 4;
/** Who is killed, in turn. */
const VICTIMS = ['server', 'server', 'supervisor', 'server', 'group', 'container'] as const;
type Victim = (typeof VICTIMS)[number];
/** No process is of this group: all are others. */
const NOBODY = 'nobody';
/** A server is killed within this time from when it listens; most that it is asked for takes a tenth of it. */
const LONGEST_LIFE_MS = 800;
/** Of what earlier servers acknowledged, so much is looked at after each kill; all of it in the end. */
const LOOKED_AT_AGAIN = 3;
const ACCOUNT_EVERY = 6;

let server: ServerProcess | undefined;

it(
  `loses nothing acknowledged, brings back nothing cleared and accounts for every file over ${KILLS} kills`,
  {
    timeout: 120_000 + KILLS * 30_000,
  },
  () =>
    withTempDir(async (dataDir) => {
      try {
        await killAgainAndAgain(dataDir);
      } finally {
        // Nobody else ends it when a check has failed, and it would go on writing where everything is removed next.
        server?.kill('SIGKILL');
        await server?.gone;
      }
    }),
);

async function killAgainAndAgain(dataDir: string): Promise<void> {
  const environment = { ...LOAD_ADMIN, PROOFSHEET_DATA_DIR: dataDir, PROOFSHEET_EVICTION_INTERVAL_SECONDS: '1' };
  const load = await KillLoad.make(dataDir);
  for (let kill = 1; kill <= KILLS; kill++) {
    const victim = VICTIMS[kill % VICTIMS.length] ?? 'server';
    const workers = victim === 'supervisor' || victim === 'group' ? '2' : '1';
    const wrapper = victim === 'container' ? await inContainer() : ([] as const);
    const running = await startServerProcess({ ...environment, PROOFSHEET_WORKERS: workers }, wrapper);
    server = running;
    await telling(running, () => load.check(running, LOOKED_AT_AGAIN));
    const killed = new AbortController();
    const clients = Array.from({ length: CLIENTS }, (_, client) => load.run(running, client, killed.signal));
    // Every other life begins with its first answer, however busy the machine is; the others may end before it.
    const { total } = load;
    if (kill % 2 === 0) await until(() => load.total > total, 'something is acknowledged');
    await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_LIFE_MS));
    killed.abort();
    strike(running, victim);
    await Promise.all([...clients, running.gone]);
    // Workers whose supervisor was killed end by themselves.
    await until(async () => (await foreignHolders(lockDir(dataDir), NOBODY)).length === 0, 'nobody has the directory');
    if (kill % ACCOUNT_EVERY === 0) await expectAccounted(dataDir, load.lost);
  }

  const last = await startServerProcess(environment);
  server = last;
  await telling(last, () => load.checkAll(last));
  expect(await scrape(last.origin, 'proofsheet_damaged_blobs_total')).toBe(0);
  last.kill('SIGTERM');
  expect(await last.gone).toBe(0);
  const { groups } = await expectAccounted(dataDir, load.lost);
  expect(groups).toBe(load.held);
  // Every kind of work was under way, or the kills have shown nothing.
  for (const count of Object.values(load.acknowledged)) expect(count).toBeGreaterThan(0);
  console.log(`${KILLS} kills: ${JSON.stringify(load.acknowledged)}, ${groups} groups in the end`);
}

/** Of a server with workers either the supervisor alone, or all processes one after the other. */
function strike(running: ServerProcess, victim: Victim): void {
  const others = victim === 'group' ? descendantsOf(running.pid) : [];
  running.kill('SIGKILL');
  for (const pid of others) signalIfThere(pid, 'SIGKILL');
}

/** A failure comes with what the server had to say. */
async function telling(server: ServerProcess, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const told = server.log.filter(({ level }) => level !== 'info').map((line) => JSON.stringify(line));
    throw new Error(`${String(error)}\nThe server said:\n${told.join('\n')}`, { cause: error });
  }
}
