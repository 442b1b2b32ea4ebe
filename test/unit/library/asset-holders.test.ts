// What a takedown is told of the library: whoever has a content there, be it in a version, in an upload that is none yet, or of a tenant that
// is in no file.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Digest, digestOf } from '../../../src/kernel/digest.js';
import type { Context } from '../../../src/kernel/image-key.js';
import { newAssetId, type TenantId } from '../../../src/kernel/library/ids.js';
import { newSlotId } from '../../../src/kernel/library/upload.js';
import { originalsOf } from '../../../src/library/asset-holders.js';
import { arrived, keepText, newImport, openTestLibrary, type TestLibrary } from '../../support/library.js';

const TENANT = 'tenant' as Context;

let library: TestLibrary;
beforeEach(async () => {
  library = await openTestLibrary();
});
afterEach(() => library.dispose());

const told = (...contents: readonly Digest[]) => originalsOf(library.assets, new Set(contents), 10);
const contentOf = (text: string): Digest => digestOf(Buffer.from(text));

/** An upload of `text` that was received. */
async function received(text: string) {
  const { uploads, originals, dataDir, clock } = library;
  const session = await uploads.openSession({ context: TENANT, tenantId: 'gone' as TenantId, standalone: false });
  const ref = { assetId: newAssetId(), slotId: newSlotId() };
  const wish = { fileName: 'a.jpg', path: '', tenantId: 'gone' as TenantId, quota: {}, maxOpen: 10 };
  await uploads.prepare(TENANT, { ...wish, ...ref, session: session.number });
  const { digest, bytes } = await keepText(originals, dataDir, text);
  expect(await uploads.receive(ref, { digest, bytes, at: clock.now() })).toMatchObject({ outcome: 'received' });
  return ref;
}

test('an upload that is received, and one that waits for its turn, are told of like a version', async () => {
  const { assetId } = await received('bytes');
  const holder = { kept: 1, assets: [{ context: TENANT, asset: assetId }] };
  expect(await told(contentOf('bytes'))).toEqual(holder);
  await library.uploads.commit(TENANT, assetId);
  expect(await told(contentOf('bytes'), contentOf('other'))).toEqual(holder);
});

test('an asset of a context that no tenant has is told of', async () => {
  const wanted = newImport(['a'], { context: 'former' as Context });
  await library.assets.acceptImport(wanted);
  const [claim] = await library.jobs.claim({ kind: 'import-item', limit: 1, leaseMs: 60_000 });
  const outcome = arrived('a', await keepText(library.originals, library.dataDir, 'bytes'));
  if (claim) await library.jobs.finish(claim, { importId: wanted.id, index: 0, outcome });
  const [asset] = (await library.assets.listAssets('former' as Context, { limit: 1 })).entries;
  expect(await told(contentOf('bytes'))).toEqual({ kept: 1, assets: [{ context: 'former', asset: asset?.asset.id }] });
});

test('bytes that nothing names are none: they go at once', async () => {
  const original = await keepText(library.originals, library.dataDir, 'bytes');
  expect(await told(original.digest)).toEqual({ kept: 0, assets: [] });
  expect(await library.originals.isWhole(original)).toBe(false);
});
