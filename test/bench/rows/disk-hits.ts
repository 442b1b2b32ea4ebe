// Row 6: hits from the disk tier, because the memory tier is far too small for what is asked.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alternate, compare } from '../comparison.js';
import { fill, keyOf } from '../fill.js';
import { startOurs } from '../ours.js';
import { startPeer, withServers } from '../processes.js';
import { type KeyRange, loadKeys } from '../random-keys.js';
import type { RowGroup } from '../row-group.js';

/** 60 MB of previews against 12 MiB of memory, 9 of them for bytes: about 1 in 6 requests finds its bytes there. */
const PREVIEWS = 1_000;
const PREVIEW_BYTES = 60_000;
const NO_BYTES_OF = ['content-length', 'connection', 'date', 'keep-alive'];

export const diskHits: RowGroup = {
  rows: [6],
  needs: ['wrk'],
  async run(_rows, options) {
    const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-disk-'));
    const dataDir = join(dir, 'data');
    try {
      const digests = await fill({ dataDir, groups: PREVIEWS, sources: PREVIEWS, previewBytes: PREVIEW_BYTES });
      const ours = startOurs({ dataDir, env: { PROOFSHEET_MEMORY_MAX_BYTES: '12MiB' } });
      return await withServers([ours], async (server) => {
        const answer = await fetch(server.url(`getImage/${keyOf(0)}/auto:200x150`));
        const headers = [...answer.headers].filter(([name]) => !NO_BYTES_OF.includes(name)).flat();
        const paths = digests.map((digest, index) => [
          keyOf(index).slice(-7),
          join(dataDir, 'blobs', digest.slice(0, 2), digest.slice(2, 4), digest),
        ]);
        const list = join(dir, 'files.json');
        await writeFile(list, JSON.stringify(Object.fromEntries(paths)));
        const peer = startPeer('read-file.mjs', { FILES: list, HEADERS: JSON.stringify(headers) });
        return withServers([peer], async (floor) => {
          const range = { count: PREVIEWS, prefix: '/imageconverter/getImage/', suffix: '/auto:200x150' };
          const rate = async (origin: string, keys: KeyRange): Promise<number> =>
            (await loadKeys(origin, keys, options)).requestsPerSecond;
          const results = await alternate(options.rounds, {
            ours: () => rate(server.origin, range),
            floor: () => rate(floor.origin, { ...range, suffix: '' }),
          });
          const mine = { name: 'Proofsheet', values: results.ours };
          const bare = { name: 'fs.readFile + node:http', values: results.floor };
          const what = `hit from disk, ${PREVIEW_BYTES} B, working set five times the memory tier`;
          return [compare(6, what, 'requests/s', mine, bare, { rule: 'at least', value: 0.8 }, bare)];
        });
      });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};
