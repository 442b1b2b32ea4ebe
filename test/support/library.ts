// An embedded library in a directory of its own, and things to put into it, for one test.
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../src/kernel/digest.js';
import type { Context } from '../../src/kernel/image-key.js';
import type { OriginalInfo } from '../../src/kernel/library/asset.js';
import { newAssetId, newImportId } from '../../src/kernel/library/ids.js';
import type { WantedItem } from '../../src/kernel/library/import-job.js';
import type { Arrival, NewImport } from '../../src/kernel/ports/assets.js';
import type { Originals } from '../../src/kernel/ports/originals.js';
import { type EmbeddedLibrary, openEmbeddedLibrary } from '../../src/stores/embedded/library/open-library.js';
import type { WholeLibrarySubject } from '../contracts/whole-library.contract.js';
import { FakeClock } from './fake-clock.js';
import { FakeLogger } from './fake-logger.js';
import { FakeMetrics } from './fake-metrics.js';
import { tempDir } from './temp-dir.js';

export interface TestLibrary extends EmbeddedLibrary {
  readonly dataDir: string;
  readonly clock: FakeClock;
  /** Another client of the same data directory. */
  another(): Promise<EmbeddedLibrary>;
  /** Closes the library and opens it again, as a restart does. */
  reopen(): Promise<TestLibrary>;
  dispose(): Promise<void>;
}

export async function openTestLibrary(): Promise<TestLibrary> {
  const dir = await tempDir();
  return openIn(dir.path, new FakeClock(), () => dir.remove());
}

async function openIn(dataDir: string, clock: FakeClock, remove: () => Promise<void>): Promise<TestLibrary> {
  const [logger, metrics] = [new FakeLogger(), new FakeMetrics()];
  const machineNow = (): number => clock.monotonic();
  const options = { dataDir, tmpDir: join(dataDir, 'tmp'), fsync: false, clock, logger, metrics, machineNow };
  const library = await openEmbeddedLibrary(options);
  return {
    ...library,
    dataDir,
    clock,
    another: () => openEmbeddedLibrary(options),
    reopen: async () => {
      await library.close();
      return openIn(dataDir, clock, remove);
    },
    dispose: async () => {
      await library.close();
      await remove();
    },
  };
}

/** What the contracts of the library's ports are run on. */
export async function openLibrarySubject() {
  const library = await openTestLibrary();
  const peer = await library.another();
  const subject: WholeLibrarySubject = {
    ...library,
    peer,
    advance: (ms: number) => library.clock.advance(ms),
    keep: (text: string) => keepText(library.originals, library.dataDir, text),
  };
  return {
    subject,
    close: async () => {
      await peer.close();
      await library.dispose();
    },
  };
}

/** Keeps an original with the bytes of `text`. */
export async function keepText(originals: Originals, dir: string, text: string): Promise<OriginalInfo> {
  const path = join(dir, `source-${randomBytes(6).toString('hex')}`);
  await writeFile(path, text);
  const original = originalOf(text);
  await originals.keep(original.digest, path, original.bytes);
  return original;
}

export function originalOf(text: string): OriginalInfo {
  const bytes = Buffer.from(text);
  return { digest: digestOf(bytes), md5: '0'.repeat(32), bytes: bytes.length, type: 'jpeg', widthPx: 4, heightPx: 3 };
}

export function wantedItem(name: string): WantedItem {
  return {
    url: `https://example.com/${name}.jpg?secret=1`,
    sentUrl: `https://EXAMPLE.com/${name}.jpg?secret=1`,
    reference: { system: 'test', externalId: `urn:${name}` },
    title: name,
    metadata: { caption: name },
  };
}

export function newImport(names: readonly string[], facts: Partial<NewImport> = {}): NewImport {
  return {
    id: newImportId(),
    context: 'tenant' as Context,
    dialect: 'test',
    items: names.map(wantedItem),
    quota: {},
    maxOpen: 100,
    ...facts,
  };
}

export function arrived(name: string, original: OriginalInfo, maxBytes?: number) {
  const { reference, title, metadata } = wantedItem(name);
  const arrival: Arrival = {
    original,
    title,
    mediaType: 'image',
    metadata: metadata ?? {},
    createdVia: 'import',
    ...(reference && { reference }),
  };
  return { kind: 'arrived', newId: newAssetId(), arrival, ...(maxBytes !== undefined && { maxBytes }) } as const;
}
