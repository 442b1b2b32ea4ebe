// An embedded store in a directory of its own, for one test.
import { type EmbeddedStore, openEmbeddedStore } from '../../src/stores/embedded/embedded-store.js';
import { FakeClock } from './fake-clock.js';
import { FakeLogger } from './fake-logger.js';
import { FakeMetrics } from './fake-metrics.js';
import { tempDir } from './temp-dir.js';

export interface TestStore extends EmbeddedStore {
  readonly dataDir: string;
  readonly clock: FakeClock;
  readonly logger: FakeLogger;
  readonly metrics: FakeMetrics;
  /** Closes the store and opens it again, as a restart does. */
  reopen(): Promise<TestStore>;
  /** Another client of the same data directory. */
  another(): Promise<EmbeddedStore>;
  /** Closes the store and removes its directory. */
  dispose(): Promise<void>;
}

export async function openTestStore(options: { fsync?: boolean; dataDir?: string } = {}): Promise<TestStore> {
  const dir = options.dataDir === undefined ? await tempDir() : undefined;
  const dataDir = options.dataDir ?? dir?.path ?? '';
  return openIn(dataDir, async () => dir?.remove(), options.fsync ?? false);
}

async function openIn(dataDir: string, remove: () => Promise<void>, fsync: boolean): Promise<TestStore> {
  const [clock, logger, metrics] = [new FakeClock(), new FakeLogger(), new FakeMetrics()];
  const ports = { dataDir, clock, logger, metrics, fsync };
  const store = await openEmbeddedStore(ports);
  return {
    ...store,
    ...ports,
    reopen: async () => {
      await store.close();
      return openIn(dataDir, remove, fsync);
    },
    another: () => openEmbeddedStore(ports),
    dispose: async () => {
      await store.close();
      await remove();
    },
  };
}

/** The path of a blob's file, as DESIGN lays it out. */
export function blobPath(dataDir: string, digest: string): string {
  return `${dataDir}/blobs/${digest.slice(0, 2)}/${digest.slice(2, 4)}/${digest}`;
}
