// GET and POST of a search: by names, sessions, states, types and times, in pages, with the total in the body. What narrows a search by
// things that there are none of here finds nothing; what is not known is ignored.
import type { DescribedAsset } from '../../../kernel/library/asset.js';
import type { Tenant } from '../../../kernel/library/tenant.js';
import { SOURCE_MEDIA } from '../../../kernel/source-media.js';
import type { LibraryUse } from '../../../library/answers.js';
import { json } from '../../replies/reply.js';
import { type Route, route } from '../route.js';
import { assetObject, fileNameOf, stateOf } from './asset-object.js';
import { pagesOf } from './assets.js';
import { OF_SEARCH } from './descriptions.js';
import { assetOfGuid, libraryOf, type MediagraphSettings, organizationOf, READING, settingsFor } from './face.js';
import { guidOf, parseNumber, parseSessionName } from './ids.js';
import { Params } from './params.js';

const MAX_NAMED = 1_000;
const MAX_PER_PAGE = 100;
const SESSION_PAGE = 1_000;
const MAX_SESSION_PAGES = 10;

/** Of these nothing has any, so that whoever asks for one finds nothing. */
const OF_NOTHING = [
  ...['collection_id', 'lightbox_id', 'lightbox_folder_id', 'tags', 'taxonomy', 'rating', 'rights', 'rights_code'],
  ...['has_people', 'proximity_field', 'creator_ids', 'workflow_step_id', 'bounds', 'aspect', 'contribution_id'],
];

export function searchAssets(settings: MediagraphSettings): Route {
  return route<Params>({
    ...READING,
    verbs: ['GET', 'HEAD', 'POST'],
    body: 'json',
    isBodyLoose: true,
    name: 'search',
    path: '/api/assets/search',
    // It reads, whatever the verb.
    scope: 'asset:read',
    description: OF_SEARCH,
    parse: ({ url }, body) => new Params(url, body),
    async run(params, use, call) {
      const library = libraryOf(use);
      const tenant = call.tenant();
      const found = sorted(await matching(library, tenant, params), params);
      const perPage = params.whole('per_page', 25, 1, MAX_PER_PAGE);
      const from = (params.whole('page', 1, 1, Number.MAX_SAFE_INTEGER) - 1) * perPage;
      const showing = {
        settings: settingsFor(settings, call),
        use: library,
        tenant,
        withRenditions: params.flag('include_renditions'),
      };
      const ids = found.map(({ asset }) => asset.number);
      return json({
        total: found.length,
        total_entries: found.length,
        total_display: String(found.length),
        ids_in_selection: [],
        filters: {},
        all_asset_counts: {},
        aggs: {},
        ...(params.flag('all_ids') && { ids }),
        assets: found.slice(from, from + perPage).map((described) => assetObject(showing, described)),
      });
    },
  });
}

async function matching(use: LibraryUse, tenant: Tenant, params: Params): Promise<readonly DescribedAsset[]> {
  if (OF_NOTHING.some((name) => (params.list(name)?.length ?? 0) > 0)) return [];
  const type = params.list('type');
  if (type && !type.some((name) => /^images?$/i.test(name))) return [];
  const folder = params.text('storage_folder_id');
  if (folder !== undefined && folder !== String(organizationOf(tenant))) return [];
  const users = params.list('user_ids');
  if (users?.length && !users.includes(String(organizationOf(tenant)))) return [];
  const test = testOf(params);
  const found: DescribedAsset[] = [];
  for await (const page of candidates(use, tenant, params)) for (const one of page) if (test(one)) found.push(one);
  return found;
}

/** By what is named, else all that live. */
async function* candidates(use: LibraryUse, tenant: Tenant, params: Params): AsyncGenerator<readonly DescribedAsset[]> {
  const { library, uploads } = use;
  const { context } = tenant;
  const named = [...(params.list('ids') ?? []), ...(params.list('guids') ?? [])].slice(0, MAX_NAMED);
  const session = params.text('upload_guid') ?? params.text('upload_id');
  if (params.has('ids') || params.has('guids')) {
    const found = await Promise.all(
      [...new Set(named)].map(async (name) => {
        const number = parseNumber(name);
        return number === undefined ? assetOfGuid(use, context, name) : library.findByNumber(context, number);
      }),
    );
    yield found.filter((one) => one !== undefined);
  } else if (session !== undefined) {
    const number = params.has('upload_guid') ? parseSessionName(session) : parseNumber(session);
    let cursor: string | undefined;
    for (let at = 0; number !== undefined && at < MAX_SESSION_PAGES; at++) {
      const request = { limit: SESSION_PAGE, ...(cursor !== undefined && { cursor }) };
      const page = await uploads.assetsOf(context, number, request);
      yield page.entries;
      if (page.next === undefined) return;
      cursor = page.next;
    }
  } else yield* pagesOf(use, tenant, false);
}

function testOf(params: Params): (described: DescribedAsset) => boolean {
  const q = params.text('q')?.toLowerCase();
  const isOfSession = params.has('upload_id') || params.has('upload_guid');
  const states = params.list('aasm_state') ?? (isOfSession ? undefined : ['processed']);
  const exts = params.list('exts')?.map((ext) => ext.toLowerCase());
  const [created, updated, captured] = ['created_at', 'updated_at', 'captured_at'].map((name) =>
    rangeOf(params.list(name), (text) => Date.parse(text)),
  );
  const size = rangeOf(params.list('file_size_range'), Number);
  return (described) => {
    const { asset, version } = described;
    const capturedAt = version?.embedded?.capturedAt;
    if (states && !states.includes(stateOf(described))) return false;
    if (exts?.length && !(version && exts.includes(SOURCE_MEDIA[version.type].extension))) return false;
    if (!isWithin(asset.createdAt, created) || !isWithin(asset.updatedAt, updated)) return false;
    if (captured && !(capturedAt !== undefined && isWithin(Date.parse(String(capturedAt)), captured))) return false;
    if (size && !(version && isWithin(version.bytes, size))) return false;
    if (params.flag('missing_captured_at') && capturedAt !== undefined) return false;
    if (params.flag('gps') && version?.embedded?.latitude === undefined) return false;
    if (params.flag('has_alt_text') && version?.embedded?.altText === undefined) return false;
    if (q === undefined) return true;
    const texts = [fileNameOf(asset, version), asset.title, version?.embedded?.title, version?.embedded?.description];
    return (
      guidOf(asset).startsWith(q) ||
      texts.some((text) =>
        String(text ?? '')
          .toLowerCase()
          .includes(q),
      )
    );
  };
}

type Range = readonly [from: number, to: number];

/** `a,b`, each of them absent for no border. */
function rangeOf(parts: readonly string[] | undefined, read: (text: string) => number): Range | undefined {
  if (!parts?.length) return undefined;
  const [from, to] = parts.map(read);
  return [
    from === undefined || Number.isNaN(from) ? Number.NEGATIVE_INFINITY : from,
    to === undefined || Number.isNaN(to) ? Number.POSITIVE_INFINITY : to,
  ];
}

function isWithin(value: number, range: Range | undefined): boolean {
  return range === undefined || (value >= range[0] && value <= range[1]);
}

/** The latest first, unless another order is asked for; clients send it in one word or in two. */
function sorted(found: readonly DescribedAsset[], params: Params): readonly DescribedAsset[] {
  const [, field = 'created_at', order = params.text('order') ?? 'desc'] =
    /^([a-z_]+?)(?:-(asc|desc))?$/.exec(params.text('sort') ?? '') ?? [];
  const sign = /^asc/.test(order) ? 1 : -1;
  const value = VALUES[isOrder(field) ? field : 'created_at'];
  return found.toSorted((a, b) => {
    const [one, other] = [value(a), value(b)];
    return sign * (one < other ? -1 : one > other ? 1 : a.asset.number - b.asset.number);
  });
}

function isOrder(field: string): field is keyof typeof VALUES {
  return Object.hasOwn(VALUES, field);
}

const VALUES = {
  created_at: ({ asset }) => asset.createdAt,
  updated_at: ({ asset }) => asset.updatedAt,
  captured_at: ({ version }) => String(version?.embedded?.capturedAt ?? ''),
  file_size: ({ version }) => version?.bytes ?? 0,
  filename: ({ asset, version }) => fileNameOf(asset, version).toLowerCase(),
} satisfies Readonly<Record<string, (described: DescribedAsset) => string | number>>;
