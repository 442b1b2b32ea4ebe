// GET /api/{version}/import/images/status?id=: where an import stands, and in the end what became of each image.
import { type ImportId, parseImportId } from '../../../kernel/library/ids.js';
import type { ImportItem } from '../../../kernel/library/import-job.js';
import type { Reason } from '../../../kernel/library/reason.js';
import type { ImportStatus } from '../../../library/answers.js';
import { json } from '../../replies/reply.js';
import { queryValue } from '../../url-query.js';
import { type Route, route } from '../route.js';
import { OF_STATUS } from './descriptions.js';
import { ValidationFailure } from './failures.js';
import { type ImageUrls, imageObjects } from './image-object.js';
import { libraryOf, READING, WRITING } from './library-route.js';
import { parseVersion } from './versions.js';

interface Asked {
  readonly text: string;
  /** `undefined`: no import can be called so. */
  readonly id: ImportId | undefined;
}

export function importStatus(urls: ImageUrls): Route {
  return route<Asked>({
    ...READING,
    scope: WRITING.scope,
    name: 'importStatus',
    path: '/api/{version}/import/images/status',
    description: OF_STATUS,
    parse({ segments: [version = ''], url }) {
      parseVersion(version);
      const text = queryValue(url, 'id');
      if (text === undefined || text === '') throw new ValidationFailure({ id: 'expected the id of an import' });
      return { text: text.slice(0, 100), id: parseImportId(text) };
    },
    async run({ text, id }, use, call) {
      const tenant = call.tenant();
      const { library } = libraryOf(use);
      const job = id && (await library.findImport(tenant.context, id));
      if (!id || job?.dialect !== 'livingdocs')
        return json({ finished: false, state: 'lost', id: `no import job found for id "${text}"` });
      if (job.finishedAt === undefined)
        return json({ finished: false, state: 'started', id, startedAt: dateText(job.acceptedAt) });
      const status = await library.importStatus(tenant.context, id);
      // Forgotten in between.
      if (status === undefined) return json({ finished: true, state: 'failed', id });
      return json({
        finished: true,
        state: 'success',
        id,
        images: imagesOf(imageObjects(urls, tenant, call.origin), status),
      });
    },
  });
}

/** `2020-01-01 13:45:12`, in UTC. */
function dateText(unixMs: number): string {
  return new Date(unixMs).toISOString().slice(0, 19).replace('T', ' ');
}

function imagesOf(objectOf: ReturnType<typeof imageObjects>, { job, items }: ImportStatus): readonly object[] {
  const firsts = firstsOf(items);
  const imageOf = ({ assetId, versionNumber: version, picture }: ImportItem) =>
    assetId && version && picture ? objectOf({ assetId, version }, picture) : undefined;
  return items.map((item) => {
    const { state, reason } = outcomeOf(item);
    const shown = firsts.get(item) ?? item;
    return {
      // Some clients look at one name, some at the other.
      status: state,
      state,
      reason,
      externalId: item.reference?.externalId,
      title: item.title,
      systemName: job.system,
      image: state === 'failed' ? undefined : imageOf(shown),
    };
  });
}

/** Of each item whose id had been in the batch before, the first one of that id: it is the image that that became. */
function firstsOf(items: readonly ImportItem[]): ReadonlyMap<ImportItem, ImportItem> {
  const repeated = items.filter(isRepeated);
  if (repeated.length === 0) return new Map();
  const firsts = new Map(items.filter((item) => !isRepeated(item)).map((item) => [item.reference?.externalId, item]));
  return new Map(repeated.map((item) => [item, firsts.get(item.reference?.externalId) ?? item]));
}

function isRepeated({ reason }: ImportItem): boolean {
  return reason?.code === 'duplicate-in-batch';
}

function outcomeOf(item: ImportItem): {
  readonly state: 'success' | 'skipped' | 'failed';
  readonly reason?: string;
} {
  if (item.state === 'succeeded') return { state: 'success' };
  if (item.state === 'skipped')
    return {
      state: 'skipped',
      reason: isRepeated(item) ? 'duplicate id in this import' : 'already exists',
    };
  return { state: 'failed', reason: item.state === 'cancelled' ? 'Import was cancelled' : reasonText(item.reason) };
}

/** Never with the URL: its query may hold tokens. */
export function reasonText(reason: Reason | undefined): string {
  const notFetched = (why: string) => `Could not download image: ${why}`;
  switch (reason?.code) {
    case 'source-not-found':
    case 'source-refused':
    case 'source-unavailable':
      return notFetched(reason.status === undefined ? (reason.message ?? 'no answer') : `HTTP ${reason.status}`);
    case 'source-timeout':
      return notFetched('timed out');
    case 'address-forbidden':
    case 'scheme-forbidden':
      return notFetched('blocked by policy');
    case 'too-many-redirects':
      return notFetched('too many redirects');
    case 'not-an-image':
      return notFetched(reason.message ?? 'not an image');
    case 'type-not-enabled':
      return 'Unsupported image type';
    case 'source-too-large':
    case 'image-limits':
      return 'Image is too large';
    case 'image-damaged':
      return 'Image is damaged';
    case 'image-blocked':
      return 'Image was taken down';
    case 'over-quota':
      return 'Usage limit exceeded';
    default:
      return 'Could not upload image';
  }
}
