// The Grants port on Redis: a record under the hash of the token, which the server forgets by itself. It is the one record of the library
// with a time to live.
import { parseAssetId, parseTenantId } from '../../../kernel/library/ids.js';
import type { DownloadGrant, Grants } from '../../../kernel/ports/grants.js';
import { fieldsOf, listIn, parsedIn, textIn } from '../record-fields.js';
import type { LibraryChanges } from './library-changes.js';
import { contextIn } from './library-records.js';
import { decodeRecord, encodeRecord } from './library-session.js';
import { timeIn } from './upload-records.js';

export class RedisGrants implements Grants {
  constructor(private readonly changes: LibraryChanges) {}

  async put(token: string, grant: DownloadGrant): Promise<void> {
    const { session } = this.changes;
    const key = session.keys.grant(token);
    const lifeMs = Math.max(1, Math.ceil(grant.expiresAt - session.clock.now()));
    const record = encodeRecord(session, { key }, grant);
    await session.link.send(key, ['SET', key, record, 'PX', String(lifeMs)], session.deadlines.setMs);
  }

  async find(token: string): Promise<DownloadGrant | undefined> {
    const { session } = this.changes;
    const key = session.keys.grant(token);
    const text = await session.link.send(key, ['GET', key], session.deadlines.getMs);
    const grant = typeof text === 'string' ? decodeRecord(session, { key }, text, grantIn) : undefined;
    return grant && grant.expiresAt > session.clock.now() ? grant : undefined;
  }

  async sweepGrants(): Promise<number> {
    return 0;
  }
}

function grantIn(value: unknown): DownloadGrant {
  const given = fieldsOf(value);
  return {
    context: contextIn(given.context),
    tenantId: parsedIn(parseTenantId, given.tenantId),
    assets: listIn(given.assets).map((id) => parsedIn(parseAssetId, id)),
    size: textIn(given.size),
    fileName: textIn(given.fileName),
    expiresAt: timeIn(given.expiresAt),
  };
}
