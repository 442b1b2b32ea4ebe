// Upload sessions: opening, preparing a picture, saying that its bytes are there, closing. Creating calls may come twice, since clients
// repeat what they have no answer to: what nobody completes is swept.
import { createHash } from 'node:crypto';
import { safeFileName } from '../../../kernel/file-name.js';
import { type AssetId, parseAssetId } from '../../../kernel/library/ids.js';
import type { Tenant } from '../../../kernel/library/tenant.js';
import { slotName, type UploadSession } from '../../../kernel/library/upload.js';
import type { Prepared } from '../../../kernel/ports/uploads.js';
import type { LibraryUse } from '../../../library/answers.js';
import type { UploadWish } from '../../../library/upload-service.js';
import { json, type Reply } from '../../replies/reply.js';
import { type Route, route, type Target } from '../route.js';
import { assetObject, type Showing } from './asset-object.js';
import { OF_PREPARE, OF_SESSION, OF_SESSION_DONE, OF_SESSION_SHOWN, OF_SESSIONS, OF_UPLOADED } from './descriptions.js';
import { assetNamed, libraryOf, type MediagraphSettings, organizationOf, READING, settingsFor } from './face.js';
import { invalid, MediagraphFailure, notFound } from './failures.js';
import { parseSessionName } from './ids.js';
import { objectIn, Params, textOf } from './params.js';
import { doneObject, sessionObject } from './session-object.js';

const MAX_TEXT = 1_024;
/** Sessions and their assets on one page. */
const MAX_PAGE = 100;
/** Pages that are walked to reach one that is asked for by its number. */
const MAX_PAGES = 1_000;

const WRITING = { ...READING, verbs: ['GET', 'HEAD', 'POST'], body: 'json', isBodyLoose: true } as const;

interface AskedPage {
  readonly page: number;
  readonly perPage: number;
}

interface AskedSession {
  readonly wish: Pick<UploadSession, 'name' | 'note'>;
  readonly contribution: string | undefined;
  readonly page: AskedPage;
}

export function uploadSessions(): Route {
  return route<AskedSession>({
    ...WRITING,
    name: 'uploads',
    path: '/api/uploads',
    scope: 'upload',
    description: OF_SESSIONS,
    parse: (target, body) => askedSession(target, body, undefined),
    run: async (asked, use, call) =>
      call.verb === 'POST'
        ? openSession(libraryOf(use), call.tenant(), asked)
        : listSessions(libraryOf(use), call.tenant(), asked.page),
  });
}

/** The same, for the one contribution that there is. */
export function contributionUploads(): Route {
  return route<AskedSession>({
    ...WRITING,
    verbs: ['POST'],
    name: 'contributionUploads',
    path: '/api/contributions/{id}/uploads',
    scope: 'upload',
    description: OF_SESSION,
    parse: (target, body) => askedSession(target, body, target.segments[0]),
    run: async (asked, use, call) => openSession(libraryOf(use), call.tenant(), asked),
  });
}

export function uploadSession(): Route {
  return route<{ readonly name: string }>({
    ...READING,
    name: 'upload',
    path: '/api/uploads/{upload}',
    scope: 'upload',
    description: OF_SESSION_SHOWN,
    parse: ({ segments: [name = ''] }) => ({ name }),
    async run({ name }, use, call) {
      const library = libraryOf(use);
      const session = await sessionNamed(library, call.tenant(), name);
      return sessionReply(library, call.tenant(), session);
    },
  });
}

export function setDone(): Route {
  return route<{ readonly name: string }>({
    ...READING,
    verbs: ['PUT', 'POST'],
    name: 'setDone',
    path: '/api/uploads/{upload}/set_done',
    scope: 'upload',
    description: OF_SESSION_DONE,
    parse: ({ segments: [name = ''] }) => ({ name }),
    async run({ name }, use, call) {
      const { uploads, ...library } = libraryOf(use);
      const { context } = call.tenant();
      const { number } = await sessionNamed({ uploads, ...library }, call.tenant(), name);
      const done = await uploads.closeSession(context, number);
      if (done === undefined) throw notFound('upload');
      return json(doneObject(done, await uploads.countOf(context, number)));
    },
  });
}

interface AskedAssets {
  readonly upload: string;
  readonly page: AskedPage;
  readonly body: unknown;
}

/** GET: what the session has. POST: a picture more, whose bytes are put to the signed URL of the answer. */
export function uploadAssets(settings: MediagraphSettings): Route {
  return route<AskedAssets>({
    ...WRITING,
    name: 'uploadAssets',
    path: '/api/uploads/{upload}/assets',
    scope: 'upload',
    description: OF_PREPARE,
    parse: (target, body) => ({ upload: target.segments[0] ?? '', page: pageOf(target), body }),
    async run({ upload, page, body }, use, call) {
      const library = libraryOf(use);
      const tenant = call.tenant();
      const session = await sessionNamed(library, tenant, upload);
      const showing: Showing = { settings: settingsFor(settings, call), use: library, tenant };
      if (call.verb === 'POST') return prepare(showing, session, body);
      const found = await pageAt(page, (request) => library.uploads.assetsOf(tenant.context, session.number, request));
      return json(found.map((described) => assetObject(showing, described)));
    },
  });
}

/** Clients ask by GET; everything else is taken too. It writes, whatever the verb; a second time it changes nothing. */
export function setUploaded(settings: MediagraphSettings): Route {
  return route<{ readonly name: string }>({
    ...READING,
    verbs: ['GET', 'HEAD', 'PUT', 'POST'],
    name: 'setUploaded',
    path: '/api/assets/{asset}/set_uploaded',
    scope: 'asset|upload:write',
    description: OF_UPLOADED,
    parse: ({ segments: [name = ''] }) => ({ name }),
    async run({ name }, use, call) {
      const library = libraryOf(use);
      const tenant = call.tenant();
      const { asset } = await assetNamed(library, tenant, name);
      const completed = await library.uploads.complete(tenant.context, asset.id);
      if (completed === undefined) throw notFound();
      if (completed === 'nothing')
        throw new MediagraphFailure(
          'unprocessable',
          'not_uploaded',
          'expected the bytes at the signed URL first, got none',
        );
      const shown = await assetNamed(library, tenant, name);
      return json(assetObject({ settings: settingsFor(settings, call), use: library, tenant }, shown));
    },
  });
}

/** Throws 404. */
export async function sessionNamed({ uploads }: Pick<LibraryUse, 'uploads'>, { context }: Tenant, name: string) {
  const number = parseSessionName(name);
  // Eight digits may be a number or a GUID: both are looked for.
  for (const candidate of [number, /^[1-9][0-9]*$/.test(name) ? Number(name) : undefined]) {
    const session = candidate === undefined ? undefined : await uploads.findSession(context, candidate);
    if (session) return session;
  }
  throw notFound('upload');
}

/** Name, size and origin as `{asset: {...}}` has them, or flat. Throws 422. */
export function uploadWishOf(body: unknown): UploadWish & { readonly path: string } {
  const given = objectIn(objectIn(body).asset ?? body);
  const name = given.filename;
  const fileName = typeof name === 'string' ? safeFileName(name) : '';
  if (fileName === '') throw invalid('filename', "can't be blank");
  const size = given.file_size ?? undefined;
  const bytes = size === undefined ? undefined : Number(textOf(size) || Number.NaN);
  if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 0))
    throw invalid('file_size', 'must be a whole number of bytes');
  const text = (field: string) => (typeof given[field] === 'string' ? given[field].slice(0, MAX_TEXT) : undefined);
  const [via, viaId] = [text('created_via'), text('created_via_id')];
  return {
    fileName,
    path: text('path') ?? '',
    ...(bytes !== undefined && { declaredBytes: bytes }),
    ...(via !== undefined && { via }),
    ...(viaId !== undefined && { viaId }),
  };
}

/** The signed URL of a slot. Throws `internal` without a key, which no configuration with this dialect allows. */
export function signedUploadUrl(
  { mount, publicUrl }: MediagraphSettings,
  { links, uploads }: LibraryUse,
  prepared: Prepared | undefined,
): string {
  if (prepared === undefined) throw notFound();
  if (prepared.outcome !== 'prepared') throw refusal(prepared);
  const slot = slotName({ assetId: prepared.asset.id, slotId: prepared.slotId });
  const maxBytes = String(uploads.maxBytes);
  const query = links.query('upload', [slot, maxBytes]);
  if (query === undefined) throw new Error('expected a key to sign URLs by, got none');
  return `${publicUrl()}${mount}/put/${slot}?max=${maxBytes}&${query}`;
}

async function prepare(showing: Showing, session: UploadSession, body: unknown): Promise<Reply> {
  const { settings, use, tenant } = showing;
  if (Array.isArray(objectIn(body).asset_ids))
    throw new MediagraphFailure(
      'unprocessable',
      'unsupported',
      'expected a picture to upload; assets stay in their own session',
    );
  const wish = uploadWishOf(body);
  const { maxBytes } = use.uploads;
  if ((wish.declaredBytes ?? 0) > maxBytes) throw invalid('file_size', `must be at most ${maxBytes} bytes`);
  const key = objectIn(objectIn(body).asset ?? body).idempotency_key;
  const assetId = typeof key === 'string' && key !== '' ? assetIdOf(session, key) : undefined;
  const prepared = await use.uploads.prepare(tenant, { ...wish, session: session.number, ...(assetId && { assetId }) });
  const url = signedUploadUrl(settings, use, prepared);
  if (prepared?.outcome !== 'prepared') throw notFound();
  return json({ ...assetObject(showing, { asset: prepared.asset }), signed_upload_url: url });
}

/** The same wish of the same session is the same asset. */
function assetIdOf({ context, number }: UploadSession, key: string): AssetId {
  const hash = createHash('sha256')
    .update(JSON.stringify([context, number, key]))
    .digest('hex');
  const id = parseAssetId(BigInt(`0x${hash}`).toString(36).padStart(13, '0').slice(-13));
  if (id === undefined) throw new Error('expected 13 characters of base 36');
  return id;
}

function refusal(refused: Exclude<Prepared, { outcome: 'prepared' }>): MediagraphFailure {
  if (refused.outcome === 'too-many-versions')
    return new MediagraphFailure(
      'unprocessable',
      'too_many_versions',
      `expected at most ${refused.limit} versions of an asset`,
    );
  if (refused.outcome === 'too-many-open')
    return new MediagraphFailure(
      'unprocessable',
      'too_many_uploads',
      `expected at most ${refused.limit} uploads that are not complete`,
    );
  return new MediagraphFailure('forbidden', 'over_quota', quotaText(refused.what, refused.limit));
}

export function quotaText(what: 'images' | 'bytes', limit: number): string {
  return what === 'images'
    ? `The limit of ${limit} images in 24 hours is reached`
    : `The limit of ${limit} bytes is reached`;
}

async function openSession(use: LibraryUse, tenant: Tenant, { wish, contribution }: AskedSession): Promise<Reply> {
  if (contribution !== undefined && contribution !== String(organizationOf(tenant))) throw notFound('contribution');
  const session = await use.uploads.openSession(tenant, { ...wish, standalone: contribution !== undefined });
  return json(sessionObject(tenant, session, 0));
}

async function listSessions({ uploads }: LibraryUse, tenant: Tenant, page: AskedPage): Promise<Reply> {
  const { context } = tenant;
  const found = await pageAt(page, (request) => uploads.listSessions(context, request));
  return json(
    await Promise.all(
      found.map(async (session) => sessionObject(tenant, session, await uploads.countOf(context, session.number))),
    ),
  );
}

async function sessionReply({ uploads }: LibraryUse, tenant: Tenant, session: UploadSession): Promise<Reply> {
  return json(sessionObject(tenant, session, await uploads.countOf(tenant.context, session.number)));
}

function askedSession(target: Target, body: unknown, contribution: string | undefined): AskedSession {
  const given = objectIn(objectIn(body).upload);
  const text = (field: 'name' | 'note') =>
    typeof given[field] === 'string' ? { [field]: given[field].slice(0, MAX_TEXT) } : {};
  const inBody = objectIn(body).contribution_id ?? given.contribution_id ?? '';
  if (typeof inBody === 'object') throw invalid('contribution_id', 'must be a number');
  const named = contribution ?? (inBody === '' ? undefined : textOf(inBody));
  return { wish: { ...text('name'), ...text('note') }, contribution: named, page: pageOf(target) };
}

export function pageOf({ url }: Target, params = new Params(url)): AskedPage {
  return {
    page: params.whole('page', 1, 1, MAX_PAGES),
    perPage: params.whole('per_page', 25, 1, MAX_PAGE),
  };
}

/** The page of that number of a list that is walked by cursors. */
async function pageAt<T>(
  { page, perPage }: AskedPage,
  list: (request: { limit: number; cursor?: string }) => Promise<{ entries: readonly T[]; next?: string }>,
): Promise<readonly T[]> {
  let cursor: string | undefined;
  for (let at = 1; ; at++) {
    const { entries, next } = await list({ limit: perPage, ...(cursor !== undefined && { cursor }) });
    if (at === page) return entries;
    if (next === undefined) return [];
    cursor = next;
  }
}
