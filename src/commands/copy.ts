// `proofsheet copy-to-shared`: opens both stores as the configuration names them, copies, and says what was copied.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { print } from '../cli/output.js';
import { Progress } from '../cli/progress.js';
import { EXIT } from '../cli/usage.js';
import { ConfigError } from '../config/config-error.js';
import { loadConfig } from '../config/load-config.js';
import { ProofsheetError } from '../kernel/errors.js';
import { openSharedTier } from '../open-storage.js';
import { openEmbeddedStore } from '../stores/embedded/embedded-store.js';
import { systemClock } from '../telemetry/clock.js';
import { createLogger } from '../telemetry/logger.js';
import { ProcessMetrics } from '../telemetry/metrics.js';
import { type CopyCounts, copyToShared } from './copy-to-shared.js';

const AGAIN = 'not everything was copied; the same command goes on where this one stopped\n';

export interface CopyArguments {
  /** The embedded store's data directory; default: the configured one. */
  readonly from?: string;
  readonly concurrency: number;
  readonly isJson: boolean;
}

/** Resolves with the exit code. Throws `ConfigError` where there is nothing to copy from or to. */
export async function copyCommand({ from, concurrency, isJson }: CopyArguments): Promise<number> {
  const config = loadConfig();
  const dataDir = from ?? config.storage.dataDir;
  if (config.shared.redisUrl === undefined)
    throw new ConfigError([
      { key: 'shared.redisUrl', env: 'PROOFSHEET_REDIS_URL', what: 'expected the shared tier to copy to, got nothing' },
    ]);
  if (!existsSync(join(dataDir, 'catalog', 'data.mdb')))
    throw new ConfigError([
      {
        key: 'storage.dataDir',
        env: 'PROOFSHEET_DATA_DIR',
        what: `expected the data directory of a server that ran alone, got ${dataDir}`,
      },
    ]);
  const logger = createLogger({ level: 'silent' });
  const deps = { clock: systemClock, logger, metrics: new ProcessMetrics() };
  const source = await openEmbeddedStore({ ...deps, dataDir });
  try {
    const shared = await openSharedTier(config, config.shared.redisUrl, deps);
    const interrupted = new AbortController();
    const stop = () => interrupted.abort();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
    try {
      const { groups: total } = await source.catalog.usage();
      const progress = new Progress(process.stderr, total);
      const counts = await copyToShared({
        from: source,
        to: { catalog: shared.redis.catalog, blobs: shared.blobs },
        concurrency,
        signal: interrupted.signal,
        onProgress: (so) => progress.update(groupsOf(so), megabytes(so.bytes)),
        onRefused: (error) => {
          progress.end();
          process.stderr.write(`refused: ${error instanceof Error ? error.message : String(error)}\n`);
        },
      });
      progress.end();
      print(isJson, counts, summary(counts));
      if (interrupted.signal.aborted) {
        process.stderr.write(AGAIN);
        return EXIT.interrupted;
      }
      return counts.damaged + counts.refused > 0 ? EXIT.incomplete : 0;
    } catch (error) {
      if (!(error instanceof ProofsheetError)) throw error;
      process.stderr.write(`${error.message}\n${AGAIN}`);
      return EXIT.incomplete;
    } finally {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
      await shared.blobs.close();
      await shared.redis.close();
    }
  } finally {
    await source.close();
  }
}

function groupsOf({ copied, present, gone, damaged, refused }: Readonly<CopyCounts>): number {
  return copied + present + gone + damaged + refused;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function summary(counts: CopyCounts): string[] {
  const rows: readonly (readonly [number, string])[] = [
    [counts.copied, `image groups copied (${counts.blobs} blobs, ${megabytes(counts.bytes)})`],
    [counts.present, 'were there already'],
    [counts.gone, 'were cleared or evicted meanwhile'],
    [counts.damaged, 'have lost a preview here and need a new upload'],
    [counts.refused, 'were not taken by the shared tier'],
  ];
  return rows.map(([count, text]) => `${String(count).padStart(10)} ${text}`);
}
