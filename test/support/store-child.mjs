// A process of its own on a data directory: commits, finds, leases and dies as its parent says. Started by store-process.ts
// on the built store (npm test builds first), because only a process can be killed.
import { createHash } from 'node:crypto';
import { openEmbeddedStore } from '../../dist/stores/embedded/embedded-store.js';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const store = await openEmbeddedStore({
  dataDir: process.argv[2],
  clock: { now: Date.now, monotonic: () => performance.now() },
  logger: silent,
  metrics: { count() {}, observe() {}, gauge() {} },
});

function blobOf(text) {
  const bytes = Buffer.from(text);
  return { bytes, digest: createHash('sha256').update(bytes).digest('hex') };
}

/** One group `name` with a source and a preview of its own. */
async function commit(name) {
  const [source, preview] = [blobOf(`source ${name}`), blobOf(`preview ${name}`)];
  await store.blobs.put(source.digest, source.bytes, 'source');
  await store.blobs.put(preview.digest, preview.bytes, 'preview');
  const record = {
    digest: source.digest,
    bytes: source.bytes.length,
    info: {},
    metadata: {},
    sequenceId: 's',
    previews: [
      {
        formats: ['auto:1x1'],
        type: 'jpg',
        widthPx: 1,
        heightPx: 1,
        bytes: preview.bytes.length,
        digest: preview.digest,
      },
    ],
    complete: true,
    sourceKept: true,
  };
  const groups = [{ context: '', imageKey: name, sourceDigest: source.digest }];
  const missing = await store.catalog.commit({ source: record, groups, existing: 'replace' });
  if (missing.length > 0) throw new Error(`expected every blob to be stored, got ${missing.length} missing`);
}

const commands = {
  commit: ({ name }) => commit(name),
  has: async ({ name }) => (await store.catalog.find({ context: '', imageKey: name })) !== undefined,
  generation: async () => store.catalog.generation(),
  count: () => store.catalog.count(),
  usageOf: () => store.catalog.usageOf(''),
  heaviest: () => store.catalog.heaviest('bytes'),
  remove: () => store.catalog.remove({}),
  sweep: async () => (await store.catalog.sweep(1000)).length,
  lease: async ({ name, ttlMs }) => (await store.leases.acquire(name, ttlMs)) !== undefined,
  /** Commits without end, and tells each name once it is acknowledged. */
  flood: async ({ prefix, lanes }) => {
    let n = 0;
    const lane = async () => {
      for (;;) {
        const name = `${prefix}${n++}`;
        await commit(name);
        process.send({ acknowledged: name });
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  },
  /** Removes everything and sweeps, again and again. */
  clearing: async () => {
    for (;;) {
      await store.catalog.remove({});
      await store.catalog.sweep(1000);
    }
  },
};

process.on('message', async ({ id, command, ...parameters }) => {
  try {
    process.send({ id, answer: await commands[command](parameters) });
  } catch (error) {
    process.send({ id, error: String(error) });
  }
});
process.send({ ready: true });
