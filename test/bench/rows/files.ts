// Rows 51 and 52: one large upload to a signed URL, and a range of a large original, beside a bare node:http server that does what it must
// to take and to send such a file. The file of both is on the same disk, and nothing else is done meanwhile.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { MediagraphClient, padded } from '../../support/mediagraph-client.js';
import { jpegOf } from '../../support/test-images.js';
import { alternate, type Comparison, compare } from '../comparison.js';
import { type Ours, startOurs } from '../ours.js';
import { startPeer, withServers } from '../processes.js';
import type { RowGroup, RunOptions } from '../row-group.js';

const MIB = 2 ** 20;
const UPLOAD_BYTES = 2 ** 30;
const PIECE = Buffer.alloc(MIB, 'a piece of what is uploaded');
/** What a picture is followed by is a part of its original. */
const ORIGINAL_BYTES = 128 * MIB;
const RANGE = [MIB, 121 * MIB - 1] as const;
const TOKEN = 'token-of-the-benchmark-1';
const agent = new Agent({ keepAlive: true });

export const files: RowGroup = {
  rows: [51, 52],
  needs: [],
  async run(rows, options) {
    const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-files-'));
    try {
      const tenants = join(dir, 'tenants.json');
      await writeFile(tenants, JSON.stringify([{ id: 'bench', organizationNumber: 1, tokens: [TOKEN] }]));
      const env = {
        PROOFSHEET_DIALECTS: 'image-converter,mediagraph',
        PROOFSHEET_TENANTS: tenants,
        PROOFSHEET_API_TOKENS: 'token-of-the-benchmark-2',
        PROOFSHEET_URL_KEYS: 'main:a-secret-of-the-benchmark',
        PROOFSHEET_MAX_SOURCE_BYTES: String(2 * UPLOAD_BYTES),
        // As the peer: what a power cut would take is not waited for.
        PROOFSHEET_FSYNC: 'false',
      };
      const peerOf = (hashes: string) => startPeer('files.mjs', { FILE: join(dir, `peer-${hashes}`), HASHES: hashes });
      const servers = [startOurs({ env }), peerOf('sha256,md5'), peerOf('sha256')] as const;
      return await withServers([...servers], async (ours, both, one) => {
        const found: Comparison[] = [];
        const client = new MediagraphClient(`${(ours as Ours).origin}/mediagraph`, TOKEN);
        if (rows.includes(51)) found.push(...(await uploads(client, both?.origin ?? '', one?.origin ?? '', options)));
        if (rows.includes(52)) found.push(await ranges(client, (ours as Ours).origin, one?.origin ?? '', options));
        return found;
      });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

async function uploads(
  client: MediagraphClient,
  both: string,
  one: string,
  { rounds }: RunOptions,
): Promise<Comparison[]> {
  const session = await client.open();
  const results = await alternate(rounds, {
    ours: async () => put((await client.prepare(session.guid, 'large.jpg', UPLOAD_BYTES)).url),
    both: () => put(`${both}/`),
    one: () => put(`${one}/`),
  });
  const what = `PUT of ${UPLOAD_BYTES / MIB} MiB to a signed URL`;
  const mine = { name: 'Proofsheet', values: results.ours };
  const mustBe = { rule: 'at least', value: 0.8 } as const;
  return [
    compare(51, what, 'MiB/s', mine, { name: 'node:http, file, SHA-256, MD5', values: results.both }, mustBe),
    compare(51, what, 'MiB/s', mine, { name: 'node:http, file, SHA-256', values: results.one }, mustBe),
  ];
}

async function ranges(
  client: MediagraphClient,
  ours: string,
  peer: string,
  { rounds }: RunOptions,
): Promise<Comparison> {
  const bytes = padded(await jpegOf(800, 600), ORIGINAL_BYTES);
  const { id } = await client.upload('large.jpg', bytes);
  const asset = await client.watch(id, 600_000);
  if (asset.aasm_state !== 'processed') throw new Error(`expected a picture, got ${asset.processing_error}`);
  await put(`${peer}/`, bytes);
  const results = await alternate(rounds, {
    ours: () => rangeOf(`${ours}/mediagraph/api/assets/${id}/download`, client.headers),
    peer: () => rangeOf(`${peer}/`, {}),
  });
  const what = `Range of ${(RANGE[1] + 1 - RANGE[0]) / MIB} MiB of an original`;
  const mine = { name: 'Proofsheet', values: results.ours };
  const theirs = { name: 'node:http, createReadStream', values: results.peer };
  return compare(52, what, 'MiB/s', mine, theirs, { rule: 'at least', value: 0.9 });
}

/** Sends the bytes, or as many as an upload has; MiB a second until the answer is there. Rejects unless it is 200. */
function put(url: string, bytes?: Buffer): Promise<number> {
  const length = bytes?.length ?? UPLOAD_BYTES;
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const headers = { 'content-length': length, 'content-type': 'image/jpeg' };
    const sent = request(url, { method: 'PUT', agent, headers }, (response) => {
      response.resume();
      response.once('end', () =>
        response.statusCode === 200
          ? resolve(speedOf(length, startedAt))
          : reject(new Error(`expected 200 for a PUT, got ${response.statusCode}`)),
      );
    });
    sent.once('error', reject);
    if (bytes) sent.end(bytes);
    else Readable.from(pieces(), { objectMode: false, highWaterMark: 4 * MIB }).pipe(sent);
  });
}

function* pieces(): Generator<Buffer> {
  for (let left = UPLOAD_BYTES; left > 0; left -= PIECE.length) yield PIECE;
}

/** MiB a second until the last byte of the range is there. */
function rangeOf(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
  const [first, last] = RANGE;
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent, headers: { ...headers, Range: `bytes=${first}-${last}` } }, (response) => {
      let taken = 0;
      response.on('data', (chunk: Buffer) => {
        taken += chunk.length;
      });
      response.once('error', reject);
      response.once('end', () =>
        response.statusCode === 206 && taken === last + 1 - first
          ? resolve(speedOf(taken, startedAt))
          : reject(new Error(`expected the range with 206, got ${taken} bytes with ${response.statusCode}`)),
      );
    });
    asked.once('error', reject);
    asked.end();
  });
}

function speedOf(bytes: number, startedAt: number): number {
  return bytes / MIB / ((performance.now() - startedAt) / 1_000);
}
