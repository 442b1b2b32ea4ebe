// Whose pictures a library holds: a key says a context by its hash alone, so one asset of each is asked for its name.
import type { Asset } from '../../../kernel/library/asset.js';
import { keysFrom, LmdbEnvironment, readRow } from '../lmdb-environment.js';
import { contextAt, endOfPrefix, FIRST_KEY } from './library-keys.js';
import { decodeJson, decodeText } from './library-rows.js';

/** The contexts that have assets in the records in the directory, also in the trash alone; in order. */
export async function contextsOf(records: string): Promise<readonly string[]> {
  const environment = LmdbEnvironment.open(records, 'consistent');
  try {
    const [assetsOf, assets] = [environment.table('assets-of-context'), environment.table('assets')];
    const found: string[] = [];
    for (let start: Buffer | undefined = FIRST_KEY; start !== undefined; ) {
      const [key] = keysFrom(assetsOf, start, undefined, 1);
      if (key === undefined) break;
      const id = readRow(assetsOf, key, decodeText);
      const asset = id && readRow(assets, Buffer.from(id), (bytes) => decodeJson<Asset>(bytes));
      if (asset) found.push(asset.context);
      start = endOfPrefix(contextAt(key, 0));
    }
    return found.toSorted();
  } finally {
    await environment.close();
  }
}
