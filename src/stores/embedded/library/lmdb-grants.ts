// The Grants port on LMDB: by the hash of the token, and by the time from when nothing is known of it any more.
import type { DownloadGrant, Grants } from '../../../kernel/ports/grants.js';
import { keysFrom, readRow } from '../lmdb-environment.js';
import type { LibraryChanges } from './library-changes.js';
import { FIRST_KEY, hashOf, joined, numberKey } from './library-keys.js';
import { decodeJson, encodeJson, NOTHING } from './library-rows.js';

const TIME_BYTES = 8;

export class LmdbGrants implements Grants {
  constructor(private readonly changes: LibraryChanges) {}

  async put(token: string, grant: DownloadGrant): Promise<void> {
    const { grants, grantsByTime } = this.changes.tables;
    await this.changes.write(() => {
      grants.putSync(hashOf(token), encodeJson(grant));
      grantsByTime.putSync(joined(numberKey(grant.expiresAt), hashOf(token)), NOTHING);
    });
  }

  async find(token: string): Promise<DownloadGrant | undefined> {
    this.changes.refresh();
    const { grants } = this.changes.tables;
    const grant = readRow(grants, hashOf(token), (bytes) => decodeJson<DownloadGrant>(bytes));
    return grant && grant.expiresAt > this.changes.now() ? grant : undefined;
  }

  async sweepGrants(limit: number): Promise<number> {
    this.changes.refresh();
    const { grants, grantsByTime } = this.changes.tables;
    const keys = keysFrom(grantsByTime, FIRST_KEY, numberKey(this.changes.now()), limit);
    if (keys.length > 0)
      await this.changes.write(() => {
        for (const key of keys) {
          grants.removeSync(key.subarray(TIME_BYTES));
          grantsByTime.removeSync(key);
        }
      });
    return keys.length;
  }
}
