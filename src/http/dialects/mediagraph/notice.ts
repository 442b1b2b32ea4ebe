// What an endpoint of this dialect is told of a change: the event, the asset as it is shown everywhere, and where it may be downloaded.
import type { JsonObject } from '../../../kernel/library/asset.js';
import type { LibraryUse } from '../../../library/answers.js';
import type { Letter } from '../../../library/letter.js';
import type { NoticeFacts } from '../../../library/webhook-worker.js';
import { assetObject } from './asset-object.js';
import { iso, type MediagraphSettings } from './face.js';
import { guidOf } from './ids.js';
import { grantOne } from './tokens.js';

const NAMES = ['include_download_url', 'group_assets', 'trash'] as const;

/** What a webhook has besides, by its dialect's names; what is not given is as it was. */
export function extrasOf(given: Readonly<Record<string, unknown>>, before: JsonObject = {}): JsonObject {
  const flags = NAMES.map((name) => {
    const value = given[name];
    const isOn =
      value === undefined ? before[name] : value === true || value === 'true' || value === '1' || value === 1;
    return [name, isOn ?? name === 'group_assets'] as const;
  });
  const group = given.asset_group_id === undefined ? before.asset_group_id : given.asset_group_id;
  const note = given.note === undefined ? before.note : given.note;
  return {
    ...Object.fromEntries(flags),
    asset_group_id: typeof group === 'number' && Number.isSafeInteger(group) ? group : null,
    note: typeof note === 'string' ? note : null,
  };
}

/** One asset a notice: a list of one where the webhook takes lists. What was erased is known by its names alone. */
export async function mediagraphNotice(
  settings: MediagraphSettings,
  { notice, endpoint: { extras }, tenant, described }: NoticeFacts,
  use: LibraryUse,
): Promise<Letter | undefined> {
  // It has lost its number since.
  if (tenant.organizationNumber === undefined) return undefined;
  const asset = described
    ? assetObject({ settings, use, tenant }, described)
    : { id: notice.number, guid: guidOf({ id: notice.assetId, number: notice.number }) };
  const isThere = described?.version !== undefined && described.asset.trashedAt === undefined;
  const token = extras.include_download_url === true && isThere ? await grantOne(use, tenant, described) : undefined;
  const body = JSON.stringify({
    event: notice.event,
    timestamp: iso(notice.at),
    ...(extras.group_assets === true ? { assets: [asset] } : { asset }),
    ...(token !== undefined && { download_url: `${settings.publicUrl()}${settings.mount}/api/downloads/${token}` }),
  });
  return { body, headers: {} };
}

/** What a URL is tried with. */
export function testNotice(now: number): Letter {
  return { body: JSON.stringify({ event: 'test', timestamp: iso(now) }), headers: {} };
}
