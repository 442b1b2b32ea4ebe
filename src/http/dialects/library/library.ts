// For operators: how the library's imports stand, one and all, in words that no other dialect owns. Only to an admin.
import { OWN_MOUNTS } from '../../../kernel/dialect-names.js';
import { ProofsheetError } from '../../../kernel/errors.js';
import type { Context } from '../../../kernel/image-key.js';
import { parseContext } from '../../../kernel/image-key.js';
import { type ImportId, parseImportId } from '../../../kernel/library/ids.js';
import type { ImportItem, ImportJob } from '../../../kernel/library/import-job.js';
import { JOB_KINDS } from '../../../kernel/ports/jobs.js';
import { plainFailure } from '../../replies/error-map.js';
import { json } from '../../replies/reply.js';
import { queryValue } from '../../url-query.js';
import type { Dialect } from '../dialect.js';
import { CHANGING, limitIn, timeOrNull, WATCHING } from '../for-operators.js';
import { route } from '../route.js';
import { FAILURE, OF_JOB, OF_JOBS, OF_REPLAY } from './descriptions.js';
import { libraryOf } from './operators.js';
import { webhookRoutes } from './webhooks.js';

const MAX_PAGE = 1_000;
const USUAL_PAGE = 100;

interface AskedList {
  readonly context: Context | undefined;
  readonly cursor: string | undefined;
  readonly limit: number;
}

/** `GET /library/jobs?context=&cursor=&limit=`: the queue by kind and state, and the imports, the latest first. */
const jobs = route<AskedList>({
  ...WATCHING,
  name: 'libraryJobs',
  path: '/jobs',
  description: OF_JOBS,
  parse(target) {
    const context = queryValue(target.url, 'context');
    return {
      context: context === undefined ? undefined : parseContext(context),
      cursor: queryValue(target.url, 'cursor'),
      limit: limitIn(queryValue(target.url, 'limit'), USUAL_PAGE, MAX_PAGE),
    };
  },
  run: async ({ context, cursor, limit }, use) => {
    const { library, jobs: queue, retries } = libraryOf(use);
    const page = await library.listImports({
      limit,
      ...(context !== undefined && { context }),
      ...(cursor !== undefined && { cursor }),
    });
    const [counts, dueSince] = await Promise.all([
      queue.counts(),
      Promise.all(JOB_KINDS.map((kind) => queue.oldestDue(kind))),
    ]);
    return json({
      queue: JOB_KINDS.map((kind, index) => ({
        kind,
        ...Object.fromEntries(counts.filter((of) => of.kind === kind).map(({ state, jobs: count }) => [state, count])),
        oldestDueAt: timeOrNull(dueSince[index]),
      })),
      retries: retries(),
      usage: await library.usage(context),
      imports: page.entries.map(told),
      next: page.next ?? null,
    });
  },
});

/** `GET /library/jobs/{id}`: an import with its items; of a URL never the query, which may hold secrets. */
const job = route<{ readonly id: ImportId | undefined }>({
  ...WATCHING,
  name: 'libraryJob',
  path: '/jobs/{id}',
  description: OF_JOB,
  parse: ({ segments: [text = ''] }) => ({ id: parseImportId(text) }),
  run: async ({ id }, use) => {
    const status = id && (await libraryOf(use).library.importStatus(undefined, id));
    if (!status) throw new ProofsheetError('unknown-image-key', 'there is no import of this id, or not any more');
    return json({ ...told(status.job), items: status.items.map(toldItem) });
  },
});

/** `POST /library/jobs/{id}/callback`: the end of an import is told once more, whatever became of it before. */
const replay = route<{ readonly id: ImportId | undefined }>({
  ...CHANGING,
  name: 'libraryReplay',
  path: '/jobs/{id}/callback',
  description: OF_REPLAY,
  parse: ({ segments: [text = ''] }) => ({ id: parseImportId(text) }),
  run: async ({ id }, use) => {
    const { library, replay: again } = libraryOf(use);
    const known = id && (await library.findImport(undefined, id));
    if (!known || !(await again(known)))
      throw new ProofsheetError('unknown-image-key', 'there is no import of this id that has ended and is to be told');
    return json({ queued: true });
  },
});

/** Mounted at `/library`, where there are tenants. */
export function libraryOperators(): Dialect {
  return {
    name: 'library',
    mount: OWN_MOUNTS.library,
    routes: [jobs, job, replay, ...webhookRoutes],
    summary: 'How the imports of the library stand, for operators.',
    failureSchema: FAILURE,
    renderFailure: plainFailure,
  };
}

function told({ id, context, dialect, system, items, ended, acceptedAt, finishedAt }: ImportJob) {
  return {
    id,
    context,
    dialect,
    system: system ?? null,
    state: finishedAt === undefined ? 'running' : 'finished',
    items,
    ended,
    acceptedAt: timeOrNull(acceptedAt),
    finishedAt: timeOrNull(finishedAt),
  };
}

function toldItem(item: ImportItem) {
  const { index, state, reason, attempts, nextAttemptAt, reference, title, assetId, versionNumber, picture } = item;
  return {
    index,
    source: withoutQuery(item),
    externalId: reference?.externalId ?? null,
    title,
    state,
    reason: reason ?? null,
    attempts,
    nextAttemptAt: timeOrNull(nextAttemptAt),
    assetId: assetId ?? null,
    version: versionNumber ?? null,
    isThere: picture !== undefined,
  };
}

function withoutQuery({ url }: ImportItem): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
