// A quota of bytes holds the disk: what is refused, and what is replaced, leaves no original behind, and takes none away from others.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import { openImportFlow, tenantOf, uploadsOf } from '../../support/import-flow.js';
import { newImport, originalOf } from '../../support/library.js';
import { jpegOf } from '../../support/test-images.js';

let flow: Awaited<ReturnType<typeof openImportFlow>>;
beforeEach(async () => {
  flow = await openImportFlow(tenantOf({ quota: { maxBytes: 10 } }));
});
afterEach(() => flow.dispose());

async function slotOf() {
  const { uploads } = uploadsOf(flow);
  const session = await uploads.openSession(flow.tenant, { standalone: false });
  const wish = { session: session.number, path: '', fileName: 'a.jpg' };
  const prepared = await uploads.prepare(flow.tenant, wish);
  if (prepared?.outcome !== 'prepared') throw new Error('expected a slot');
  const ref = { assetId: prepared.asset.id, slotId: prepared.slotId };
  return async (text: string): Promise<void> => {
    const path = join(flow.tmpDir, `upload-${Math.random()}`);
    await writeFile(path, text);
    await uploads.receive(ref, { path, digest: digestOf(Buffer.from(text)), bytes: text.length });
  };
}

const isKept = (text: string) => flow.originals.isWhole(originalOf(text));

test('bytes that the quota has no room for are never kept', async () => {
  const kept: string[] = [];
  const { keep } = flow.originals;
  flow.originals.keep = (digest, path, bytes) => {
    kept.push(digest);
    return keep(digest, path, bytes);
  };
  const put = await slotOf();
  await expect(put('eleven bytes')).rejects.toThrow('no room');
  expect(kept).toEqual([]);
  await put('ten bytes!');
  expect(kept).toEqual([originalOf('ten bytes!').digest]);
});

test('what another upload of the same slot replaces goes at once, unless another slot has it', async () => {
  const [put, other] = [await slotOf(), await slotOf()];
  await put('one');
  await put('two');
  expect([await isKept('one'), await isKept('two')]).toEqual([false, true]);
  await other('two');
  await put('six');
  expect([await isKept('two'), await isKept('six')]).toEqual([true, true]);
});

test('uploads of the same bytes at once lose them to none that is replaced', async () => {
  const puts = await Promise.all(Array.from({ length: 4 }, () => slotOf()));
  for (let turn = 0; turn < 5; turn++) {
    await Promise.all(puts.map((put, at) => put(at % 2 === 0 ? 'abc' : 'xyz')));
    await Promise.all(puts.map((put, at) => put(at % 2 === 0 ? 'xyz' : 'abc')));
    expect([await isKept('abc'), await isKept('xyz')]).toEqual([true, true]);
  }
});

test('a picture that is imported and has no room is refused before it is converted or kept', async () => {
  flow.fetcher.answers.set('/a.jpg', await jpegOf(40, 30));
  const wanted = newImport(['a'], { quota: {} });
  await flow.assets.acceptImport(wanted);
  const [claim] = await flow.jobs.claim({ kind: 'import-item', limit: 1, leaseMs: 60_000 });
  if (claim === undefined) throw new Error('expected work');
  const giveUp = new AbortController().signal;
  const ending = await flow.worker.run(claim, { lost: giveUp, giveUp, note: async () => undefined });
  expect(ending).toMatchObject({ effects: { outcome: { kind: 'failed', reason: { code: 'over-quota' } } } });
  expect(flow.previews.conversions).toBe(0);
});
