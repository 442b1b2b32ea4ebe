// POST of URLs whose pictures become assets: they are there at once, and wait for what the import brings. Which path and verb its clients
// use is told nowhere; that it is this call is told by `from_url`.
import { createHash } from 'node:crypto';
import { safeFileName } from '../../../kernel/file-name.js';
import { type AssetId, type ImportId, newAssetId, parseImportId } from '../../../kernel/library/ids.js';
import type { WantedItem } from '../../../kernel/library/import-job.js';
import type { Tenant } from '../../../kernel/library/tenant.js';
import { type PortRule, parseSourceUrl, type UrlFault } from '../../../kernel/source-url.js';
import type { LibraryUse } from '../../../library/answers.js';
import { json } from '../../replies/reply.js';
import { type Route, route } from '../route.js';
import { assetObject } from './asset-object.js';
import { OF_FROM_URLS } from './descriptions.js';
import { libraryOf, type MediagraphSettings, organizationOf, READING, settingsFor } from './face.js';
import { invalid, MediagraphFailure, notFound } from './failures.js';
import { objectIn, Params } from './params.js';
import { quotaText } from './uploads.js';

/** As many URLs of the longest as there may be in one call, and a little. */
const MAX_BODY_BYTES = 4 * 2 ** 20;
const MAX_KEY_CHARACTERS = 256;
/** So long the same call without a key is the same wish: clients repeat what they have no answer to, three times within seconds. */
const REPEATED_WITHIN_MS = 60_000;

const FAULTS: Readonly<Record<UrlFault, string>> = {
  form: 'must be absolute URLs, with commas between them',
  length: 'must be URLs of at most 2048 characters',
  scheme: 'must be URLs of http or https',
  'user-info': 'must be URLs without user name and password',
  port: 'must be URLs with a port that may be asked',
};

interface Asked {
  readonly urls: readonly URL[];
  readonly fileName: string | undefined;
  readonly contribution: string | undefined;
  readonly key: string | undefined;
}

export function createFromUrls(settings: MediagraphSettings, name: string, path: string): Route {
  return route<Asked>({
    ...READING,
    verbs: ['POST'],
    body: 'json',
    isBodyLoose: true,
    maxJsonBytes: MAX_BODY_BYTES,
    name,
    path,
    scope: 'upload',
    description: OF_FROM_URLS,
    parse: ({ url }, body) => askedIn(new Params(url, body), body, settings.permitsPort),
    async run(asked, use, call) {
      const library = libraryOf(use);
      const tenant = call.tenant();
      const { contribution, urls } = asked;
      if (contribution !== undefined && contribution !== String(organizationOf(tenant))) throw notFound('contribution');
      const { maxItems } = library.library;
      if (urls.length > maxItems) throw invalid('from_url', `must be at most ${maxItems} URLs`);
      const ids = await assetsOf(library, tenant, asked);
      const found = await Promise.all(ids.map((id) => library.library.findAsset(tenant.context, id)));
      const showing = { settings: settingsFor(settings, call), use: library, tenant };
      return json(found.flatMap((one) => (one ? assetObject(showing, one) : [])));
    },
  });
}

/** Throws 422. */
function askedIn(params: Params, body: unknown, permitsPort: PortRule): Asked {
  const urls = (params.list('from_url') ?? []).map((text) => parseSourceUrl(text, permitsPort));
  if (urls.length === 0) throw invalid('from_url', "can't be blank");
  const fault = urls.find((url) => typeof url === 'string');
  if (fault !== undefined) throw invalid('from_url', FAULTS[fault]);
  const name = objectIn(objectIn(body).asset).filename ?? params.text('filename');
  const fileName = typeof name === 'string' ? safeFileName(name) : '';
  const key = params.text('idempotency_key');
  if (key !== undefined && key.length > MAX_KEY_CHARACTERS)
    throw invalid('idempotency_key', `must be at most ${MAX_KEY_CHARACTERS} characters`);
  return {
    urls: urls.filter((url) => typeof url !== 'string'),
    fileName: fileName === '' ? undefined : fileName,
    contribution: params.text('contribution_id'),
    key,
  };
}

/** What the URLs became or are to become, in their order; a repeated wish is what it was. */
async function assetsOf(use: LibraryUse, tenant: Tenant, asked: Asked): Promise<readonly AssetId[]> {
  const { library } = use;
  const { context } = tenant;
  const now = use.now();
  const [id, before] = importIdsOf(tenant, asked, now);
  const earlier = before && (await library.findImport(context, before));
  if (earlier && now - earlier.acceptedAt < REPEATED_WITHIN_MS) return becomingOf(use, tenant, earlier.id);
  const items: readonly WantedItem[] = asked.urls.map((url) => ({
    url: url.href,
    title: asked.fileName ?? nameIn(url),
    ...(asked.fileName !== undefined && { fileName: asked.fileName }),
    becomes: newAssetId(),
  }));
  const accepted = await library.acceptImport(tenant, { dialect: 'mediagraph', id, items });
  switch (accepted.outcome) {
    case 'accepted':
      return items.flatMap(({ becomes }) => becomes ?? []);
    case 'known':
      return becomingOf(use, tenant, accepted.job.id);
    case 'over-quota': {
      const { kind, limit } = accepted.refusal;
      throw new MediagraphFailure('forbidden', 'over_quota', quotaText(kind === 'bytes' ? 'bytes' : 'images', limit));
    }
    case 'too-many-open':
      throw new MediagraphFailure(
        'unprocessable',
        'too_many_imports',
        `expected at most ${accepted.limit} imports that have not ended`,
      );
  }
}

async function becomingOf({ library }: LibraryUse, { context }: Tenant, id: ImportId): Promise<readonly AssetId[]> {
  const status = await library.importStatus(context, id);
  return status?.items.flatMap(({ becomes }) => becomes ?? []) ?? [];
}

/**
 * The import that the wish is known by: with a key of the client for as long as it is remembered; without one for this minute of the
 * clock, beside it that of the minute before.
 */
function importIdsOf(
  { context }: Tenant,
  { urls, fileName, key }: Asked,
  now: number,
): readonly [ImportId, ImportId | undefined] {
  if (key !== undefined) return [importIdOf([context, 'key', key]), undefined];
  const wish = [context, 'wish', fileName ?? null, ...urls.map(({ href }) => href)];
  const minute = Math.floor(now / REPEATED_WITHIN_MS);
  return [importIdOf([minute, ...wish]), importIdOf([minute - 1, ...wish])];
}

function importIdOf(parts: readonly unknown[]): ImportId {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  const id = parseImportId(BigInt(`0x${hash}`).toString(36).padStart(12, '0').slice(-12));
  if (id === undefined) throw new Error('expected 12 characters of base 36');
  return id;
}

/** The last segment of the path, or the host. */
function nameIn({ pathname, host }: URL): string {
  const last = pathname.split('/').at(-1) ?? '';
  let name = last;
  try {
    name = decodeURIComponent(last);
  } catch {
    // As it is written, then.
  }
  return safeFileName(name) || host;
}
