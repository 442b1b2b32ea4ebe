// Row 22: a list of documents, as an app shows it: 50 thumbnails of 50 images over 6 connections, none of them in the server's memory, all
// of them in the kernel's.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTool } from '../../support/tools.js';
import { alternate, compare, median } from '../comparison.js';
import { fill, keyOf } from '../fill.js';
import { startNginx } from '../nginx.js';
import { startOurs } from '../ours.js';
import { startPeer, withServers } from '../processes.js';
import type { RowGroup } from '../row-group.js';

const THUMBNAILS = 50;
const CONNECTIONS = 6;
/** Of 200x150, as in a list. */
const BYTES = 8_000;
const LISTS = 40;
const FORMAT = 'auto:200x150';

export const documentList: RowGroup = {
  rows: [22],
  needs: ['nginx'],
  async run(_rows, { rounds }) {
    const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-list-'));
    try {
      const dataDir = join(dir, 'data');
      // A list of its own each time, so that no thumbnail of it is in memory; as many warm the code up.
      const lists = (rounds + 1) * LISTS + 1;
      const groups = lists * THUMBNAILS;
      const digests = await fill({ dataDir, groups, sources: groups, previewBytes: BYTES });
      const files: Record<string, Buffer> = {};
      for (const [index, digest] of digests.slice(0, LISTS * THUMBNAILS).entries())
        files[`${keyOf(index)}.jpg`] = await readFile(
          join(dataDir, 'blobs', digest.slice(0, 2), digest.slice(2, 4), digest),
        );
      const nginx = startNginx({ binary: await requireTool('nginx'), files });
      return await withServers([nginx, startOurs({ dataDir })], async (peer, ours) => {
        const pathOf = (index: number): string => `/imageconverter/getImage/${keyOf(index)}/${FORMAT}`;
        // What Node's own server comes to that has the answer at hand: the first of the last list, which is nobody's turn.
        const bare = startPeer('bare-http.mjs', { ORIGIN: ours.origin + pathOf(groups - THUMBNAILS) });
        return await withServers([bare], async (floor) => {
          let begun = 0;
          const results = await alternate(rounds, {
            ours: () => usual(ours.origin, pathOf, begun++ * LISTS),
            nginx: () => usual(peer.origin, (index) => `/${keyOf(index)}.jpg`),
            floor: () => usual(floor.origin, pathOf),
          });
          const what = `${THUMBNAILS} thumbnails of ${BYTES} B over ${CONNECTIONS} connections, from disk`;
          const of = (name: string, values: readonly number[]) => ({ name, values });
          const [mine, nginxs] = [of('Proofsheet', results.ours), of('nginx', results.nginx)];
          const bareHttp = of('node:http from memory', results.floor);
          return [compare(22, what, 'ms', mine, nginxs, { rule: 'at most', value: 1.5 }, bareHttp)];
        });
      });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

/** The median time of `LISTS` lists, from the list `first` on, ms. */
async function usual(origin: string, pathOf: (index: number) => string, first = 0): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const times: number[] = [];
  for (let list = first; list < first + LISTS; list++) {
    const startedAt = performance.now();
    await Promise.all(
      Array.from({ length: THUMBNAILS }, (_, at) => fetched(agent, origin + pathOf(list * THUMBNAILS + at))),
    );
    times.push(performance.now() - startedAt);
  }
  agent.destroy();
  return median(times);
}

function fetched(agent: Agent, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    request(url, { agent }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`expected 200 for ${url}, got ${response.statusCode}`));
      response.resume().once('end', resolve).once('error', reject);
    })
      .once('error', reject)
      .end();
  });
}
