// A converter child that goes on talking when its answer is given, or says of its files what is not so: the source that it
// has next is converted all the same, and nothing of what it made up is kept or answered.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import { parseFormat } from '../../../src/kernel/format.js';
import { Converting } from '../../support/converting.js';
import { until } from '../../support/gate.js';
import { namesBelow } from '../../support/names-below.js';
import { openPreviewBench, type PreviewBench, SMALL } from '../../support/preview-bench.js';
import { groupRef } from '../../support/records.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const BABBLING = fileURLToPath(new URL('../../support/children/babbling.mjs', import.meta.url));
const FORMATS = ['auto:10x10', 'auto:20x20'] as const;

let converting: Converting;

beforeEach(async () => {
  converting = await Converting.start({ children: 1, childProgram: BABBLING });
  await until(() => converting.pool.readyChildren === 1, 'the child is ready');
});
afterEach(() => converting.close());

const convert = (what: string) => converting.convert(Buffer.from(what), FORMATS, { wanted: 'auto:10x10' });

describe.each(['idle', 'later'])('talking after the answer (%s)', (stage) => {
  it.each(['again', 'progress', 'failure', 'text', 'unknown', 'other', 'ready', 'kill', 'segv'])(
    '%s: the next source is converted, in another child where it has to be',
    async (deed) => {
      // Crashes behind the first word about a source are taken for that source's doing.
      const next = stage === 'later' && (deed === 'kill' || deed === 'segv') ? 'reading pause' : 'decoding pause';
      const [pid] = converting.pool.pids;
      const talking = convert(`${stage} ${deed}`);
      await until(() => converting.metrics.observations('queue_wait_seconds').length === 1, 'it began');
      const [first, second] = await Promise.all([talking, convert(next)]);
      expect([first.previews.length, second.previews.length]).toEqual([2, 2]);
      expect(converting.metrics.total('conversions_total', { result: 'ok' })).toBe(2);
      await until(() => converting.pool.readyChildren === 1 && converting.pool.pids[0] !== pid, 'it was replaced');
    },
  );
});

it('a source that makes a child talk nonsense is given a second child, and not a third', async () => {
  await convert('none good');
  await expect(convert('decoding text')).rejects.toMatchObject({ code: 'source-undecodable', uncertain: true });
  expect(converting.metrics.total('converter_exits_total', { reason: 'nonsense' })).toBe(2);
  expect((await convert('none good')).previews).toHaveLength(2);
  // Of the two that went well.
  expect(await converting.leftovers()).toHaveLength(2);
});

it('who waits for a wanted preview is told of it once, whichever child made it', async () => {
  await convert('none good');
  const told: string[] = [];
  const conversion = converting.convert(Buffer.from('wanted text'), FORMATS, {
    wanted: 'auto:10x10',
    onWanted: ({ path }) => told.push(path),
  });
  await expect(conversion).rejects.toMatchObject({ code: 'source-undecodable' });
  expect(told).toHaveLength(1);
});

describe('files that are not what was said of them', () => {
  const KEY = groupRef('key');
  let dir: TempDir;
  let bench: PreviewBench;

  beforeEach(async () => {
    dir = await tempDir();
    bench = await openPreviewBench({ dataDir: dir.path, formats: [...FORMATS], converter: converting.pool });
  });
  afterEach(async () => {
    await bench.close();
    await dir.remove();
  });

  it.each(['digest', 'size', 'wanted-digest', 'wanted-size'])(
    '%s: the image cannot be decoded, nothing is kept, the child is ended, and the next upload is answered right',
    async (deed) => {
      const [pid] = converting.pool.pids;
      const upload = await bench.upload(`decoding ${deed}`);
      const answer = bench.service.cacheAndChoose(KEY, parseFormat('auto:10x10'), upload);
      await expect(answer).rejects.toMatchObject({ code: 'source-undecodable', uncertain: true });
      await until(() => bench.background.size === 0, 'the work behind it ends');
      expect(await bench.service.has(KEY)).toBe(false);
      expect((await bench.catalog.usage()).sources).toBe(0);
      // Nobody waits for the removal of an upload.
      await until(async () => (await readdir(bench.tmpDir)).length === 0, 'no file of it is left');
      await until(() => converting.pool.readyChildren === 1 && converting.pool.pids[0] !== pid, 'it was replaced');
      const choice = await bench.service.cacheAndChoose(KEY, SMALL, await bench.upload('none good'));
      const { bytes } = await bench.service.read(choice);
      expect(digestOf(bytes)).toBe(choice.preview.digest);
      expect(String(bytes)).toMatch(/^preview [01]$/);
      const blobs = await namesBelow(join(dir.path, 'blobs'));
      expect(blobs.filter((name) => name.endsWith('ab'.repeat(32)))).toEqual([]);
    },
  );
});
