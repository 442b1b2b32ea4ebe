// How a server process is, by what it depends on: what /readyz tells.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComposedLibrary } from './compose-library.js';
import type { ConverterPool } from './convert/converter-pool.js';
import type { HealthReport } from './http/probes.js';
import type { Storage } from './open-storage.js';

export async function healthOf(
  store: Storage,
  converter: Pick<ConverterPool, 'isFit'>,
  library: ComposedLibrary | undefined,
): Promise<HealthReport> {
  const state = library?.state();
  return {
    ...(await store.health()),
    // A disk that cannot even be asked is one that cannot be written.
    disk: (await store.isShortOfSpace?.().catch(() => true)) ? 'degraded' : await isWritable(store.tmpDir),
    converters: converter.isFit ? 'up' : 'down',
    // Without it previews are served all the same; imports wait.
    ...(state !== undefined && { library: state === 'up' ? 'up' : 'degraded' }),
  };
}

/** Whether a byte can be written where uploads are; a full disk still serves what it has. */
async function isWritable(dir: string): Promise<'up' | 'degraded'> {
  const path = join(dir, 'ready');
  try {
    await writeFile(path, '1');
    await rm(path);
    return 'up';
  } catch {
    return 'degraded';
  }
}
