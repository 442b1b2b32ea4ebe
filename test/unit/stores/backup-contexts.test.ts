// Whose pictures a backup has, found without a walk over all of them.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Context } from '../../../src/kernel/image-key.js';
import type { AssetId } from '../../../src/kernel/library/ids.js';
import { backUp, libraryDir } from '../../../src/stores/embedded/library/backup.js';
import { contextsOf } from '../../../src/stores/embedded/library/backup-contexts.js';
import { arrived, keepText, newImport, openTestLibrary } from '../../support/library.js';
import { tempDir } from '../../support/temp-dir.js';

test('every context with assets is named once, one with nothing but trash too, and none without', async () => {
  const [library, dir] = [await openTestLibrary(), await tempDir()];
  try {
    expect(await contextsOf(join(libraryDir(library.dataDir), 'records'))).toEqual([]);
    const assets = new Map<string, AssetId>();
    for (const context of ['news', 'news', 'a b', '', 'trashed', 'erased'] as Context[]) {
      const wanted = newImport(['picture'], { context });
      await library.assets.acceptImport(wanted);
      const [claim] = await library.jobs.claim({ kind: 'import-item', limit: 1, leaseMs: 60_000 });
      const outcome = arrived('picture', await keepText(library.originals, library.dataDir, `of ${context}`));
      if (claim) await library.jobs.finish(claim, { importId: wanted.id, index: 0, outcome });
      assets.set(context, (await library.assets.findItem(wanted.id, 0))?.assetId as AssetId);
    }
    await library.assets.trash('trashed' as Context, assets.get('trashed') as AssetId);
    await library.assets.erase('erased' as Context, assets.get('erased') as AssetId);
    expect((await backUp(library.dataDir, join(dir.path, 'backup'))).contexts).toEqual(['', 'a b', 'news', 'trashed']);
  } finally {
    await library.dispose();
    await dir.remove();
  }
});
