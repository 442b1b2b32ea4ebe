// `proofsheet verify`: reads a data directory as a whole, beside a server that uses it or without one, and changes nothing: every
// blob against the digest that is its name, every record against the blobs that it names, and every original of the library.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { print } from '../cli/output.js';
import { Progress } from '../cli/progress.js';
import { EXIT } from '../cli/usage.js';
import { ConfigError } from '../config/config-error.js';
import { loadConfig } from '../config/load-config.js';
import { type Digest, parseDigest } from '../kernel/digest.js';
import { namedBlobs } from '../kernel/source.js';
import { type EmbeddedStore, openEmbeddedStore } from '../stores/embedded/embedded-store.js';
import { verifyLibrary } from '../stores/embedded/library/backup.js';
import { systemClock } from '../telemetry/clock.js';
import { createLogger } from '../telemetry/logger.js';
import { ProcessMetrics } from '../telemetry/metrics.js';

export interface Verified {
  readonly blobs: number;
  readonly groups: number;
  /** Blobs whose bytes are not those of their name: they are found out when they are read, and made again. */
  readonly damaged: readonly string[];
  /** Blobs that a record names and that are not there: they are made again when they are asked for. */
  readonly missing: readonly string[];
}

/** Resolves with the exit code. Throws `ConfigError` where there is no data directory. */
export async function verifyCommand({ isJson }: { readonly isJson: boolean }): Promise<number> {
  const { dataDir } = loadConfig().storage;
  if (!existsSync(join(dataDir, 'catalog', 'data.mdb')))
    throw new ConfigError([
      { key: 'storage.dataDir', env: 'PROOFSHEET_DATA_DIR', what: `expected a data directory, got ${dataDir}` },
    ]);
  const logger = createLogger({ level: 'silent' });
  const metrics = new ProcessMetrics();
  // What is damaged is named here; a start does something about it.
  const store = await openEmbeddedStore({ dataDir, clock: systemClock, logger, metrics, setsAside: false });
  try {
    const verified = await verifyStore(store, join(dataDir, 'blobs'));
    const { blobs, groups, damaged, missing } = verified;
    const library = await verifyLibrary(dataDir);
    print(isJson, { ...verified, ...(library && { library }) }, [
      `${blobs} blobs read, ${damaged.length} damaged`,
      `${groups} image groups, ${missing.length} blobs missing`,
      ...(library
        ? [`${library.originals} originals of the library, ${library.damaged.length} damaged or missing`]
        : []),
      ...damaged.map((digest) => `damaged ${digest}`),
      ...missing.map((digest) => `missing ${digest}`),
      // Not made again by anything: a backup has it, or nobody.
      ...(library?.damaged ?? []).map((digest) => `damaged or missing original ${digest}`),
    ]);
    return damaged.length + missing.length + (library?.damaged.length ?? 0) === 0 ? 0 : EXIT.incomplete;
  } finally {
    await store.close();
  }
}

/** What comes or goes while it is read is judged by the catalog of that moment: nobody misses what no record names any more. */
export async function verifyStore(store: EmbeddedStore, blobsDir: string): Promise<Verified> {
  const found = await digestsBelow(blobsDir);
  const progress = new Progress(process.stderr, found.length);
  const damaged: string[] = [];
  let blobs = 0;
  for (const { digest, path } of found) {
    const actual = await digestOfFile(path);
    if (actual !== undefined && actual !== digest && store.bytesOf(digest) !== undefined) damaged.push(digest);
    blobs++;
    progress.update(blobs, `${damaged.length} damaged`);
  }
  progress.end();
  const missing = new Set<Digest>();
  let groups = 0;
  for await (const refs of store.groups()) {
    for (const ref of refs) {
      const entry = await store.catalog.find(ref);
      if (entry === undefined) continue;
      groups++;
      for (const { digest } of namedBlobs(entry.source))
        if (store.bytesOf(digest) !== undefined && !(await store.blobs.has(digest))) missing.add(digest);
    }
  }
  return { blobs, groups, damaged, missing: [...missing] };
}

async function digestsBelow(dir: string): Promise<{ readonly digest: Digest; readonly path: string }[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => {
    const digest = entry.isFile() ? parseDigest(entry.name) : undefined;
    return digest === undefined ? [] : [{ digest, path: join(entry.parentPath, entry.name) }];
  });
}

/** `undefined` for a file that is gone. */
async function digestOfFile(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    return '';
  }
  return hash.digest('hex');
}
