// Opens the library on real Redis servers as compose-library.ts does, under a prefix of its own, with a clock that tests move.
import type { OriginalBytes } from '../../src/stores/original-bytes.js';
import { openRedisLibrary, type RedisLibraryOptions } from '../../src/stores/redis/library/open-redis-library.js';
import type { WholeLibrarySubject } from '../contracts/whole-library.contract.js';
import { FakeClock } from './fake-clock.js';
import { FakeLogger } from './fake-logger.js';
import { FakeMetrics } from './fake-metrics.js';
import { keepText } from './library.js';
import { newPrefix, openTestStore } from './redis-store.js';
import { tempDir } from './temp-dir.js';

/** A machine that runs other tests beside this one may take a while for a call. */
const DEADLINES = { getMs: 5_000, setMs: 5_000, scriptMs: 5_000 };

export async function openTestRedisLibrary(
  url: string,
  keyPrefix: string,
  bytes: OriginalBytes,
  options: Partial<RedisLibraryOptions> = {},
) {
  const clock = new FakeClock();
  const [logger, metrics] = [new FakeLogger(), new FakeMetrics()];
  const base = { url, keyPrefix, bytes, clock, logger, metrics, deadlines: DEADLINES };
  const library = await openRedisLibrary({ ...base, leaseNow: () => clock.now(), ...options });
  return { ...library, clock, logger, metrics };
}

/** What the contracts of the library's ports are run on; `bytesOf`: where originals are, else in the same Redis. */
export async function openRedisLibrarySubject(
  url: string,
  { bytes, ...options }: Partial<RedisLibraryOptions> & { readonly bytes?: OriginalBytes } = {},
) {
  const keyPrefix = options.keyPrefix ?? newPrefix();
  const dir = await tempDir();
  const store = bytes ? undefined : await openTestStore(url, keyPrefix);
  const places = bytes ?? store?.originals;
  if (places === undefined) throw new Error('expected a place for originals, got none');
  const clock = new FakeClock();
  const common = { ...options, clock, leaseNow: () => clock.now() };
  const [library, peer] = await Promise.all([
    openTestRedisLibrary(url, keyPrefix, places, common),
    openTestRedisLibrary(url, keyPrefix, places, common),
  ]);
  const subject: WholeLibrarySubject = {
    ...library,
    peer,
    clock,
    dataDir: dir.path,
    advance: (ms: number) => clock.advance(ms),
    keep: (text: string) => keepText(library.originals, dir.path, text),
  };
  return {
    subject,
    library,
    keyPrefix,
    close: async () => {
      await Promise.all([library.close(), peer.close()]);
      await store?.close();
      await dir.remove();
    },
  };
}
