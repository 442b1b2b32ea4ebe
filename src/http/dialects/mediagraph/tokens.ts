// Download tokens: what a caller may download, for five minutes and without any other credential; one file under its name, or many as a
// ZIP that is written as it is sent.
import { randomBytes } from 'node:crypto';
import type { DescribedAsset } from '../../../kernel/library/asset.js';
import type { Tenant } from '../../../kernel/library/tenant.js';
import type { DownloadGrant } from '../../../kernel/ports/grants.js';
import type { LibraryUse } from '../../../library/answers.js';
import { distinctNames, type ZipEntry, zipOf } from '../../../library/zip-stream.js';
import { attachmentNamed } from '../../replies/content-disposition.js';
import { json, type OriginalReply, type Reply } from '../../replies/reply.js';
import { queryValue } from '../../url-query.js';
import { type Route, route } from '../route.js';
import { fileNameOf } from './asset-object.js';
import { OF_GRANT, OF_TOKEN } from './descriptions.js';
import { type AskedSize, fileNameFor, fileReply, markOf, sizeIn, sizeSent, versionOf } from './downloads.js';
import { libraryOf, livingAssetNamed, organizationOf, READING } from './face.js';
import { invalid, notFound } from './failures.js';
import { objectIn, Params } from './params.js';

/** To begin a download, which may last longer. */
const LIFE_MS = 300_000;
const TOKEN_BYTES = 16;
const MAX_ASSETS = 1_000;

interface Asked {
  readonly names: readonly string[];
  readonly size: AskedSize;
}

export function grantDownload(): Route {
  return route<Asked>({
    ...READING,
    verbs: ['POST'],
    body: 'json',
    isBodyLoose: true,
    name: 'downloads',
    path: '/api/downloads',
    // Reading by another way.
    scope: 'download:read',
    description: OF_GRANT,
    parse({ url }, body) {
      const params = new Params(url, objectIn(body).download ?? body);
      const names = [...new Set(params.list('asset_ids') ?? [])];
      if (names.length === 0) throw invalid('asset_ids', "can't be blank");
      if (names.length > MAX_ASSETS) throw invalid('asset_ids', `must be at most ${MAX_ASSETS}`);
      return { names, size: sizeIn(params) };
    },
    async run({ names, size }, use, call) {
      const library = libraryOf(use);
      const tenant = call.tenant();
      const found = await Promise.all(names.map((name) => livingAssetNamed(library, tenant, name)));
      // What cannot be sent is said now, and not to who follows the token.
      markOf(tenant, size);
      for (const one of found) {
        await versionOf(library, tenant, one, undefined, size);
      }
      const [first] = found;
      const isOne = found.length === 1 && first !== undefined;
      const slug = `${organizationOf(tenant)}-${tenant.id}`;
      const fileName = isOne
        ? fileNameFor(fileNameOf(first.asset, first.version), sizeSent(size))
        : `${slug}-mediagraph-download-${found.length}.zip`;
      const token = await grant(library, tenant, {
        assets: found.map(({ asset }) => asset.id),
        size: `${sizeSent(size)}${size.watermarked ? '-watermark' : ''}`,
        fileName,
      });
      return json({ token, filename: fileName, integration: null });
    },
  });
}

/** A token for the original of one asset. */
export function grantOne(library: LibraryUse, tenant: Tenant, { asset, version }: DescribedAsset): Promise<string> {
  return grant(library, tenant, { assets: [asset.id], size: 'original', fileName: fileNameOf(asset, version) });
}

async function grant(
  { grants, now }: LibraryUse,
  { context, id: tenantId }: Tenant,
  what: Pick<DownloadGrant, 'assets' | 'size' | 'fileName'>,
): Promise<string> {
  const token = randomBytes(TOKEN_BYTES).toString('hex');
  await grants.put(token, { ...what, context, tenantId, expiresAt: now() + LIFE_MS });
  return token;
}

export function downloadByToken(): Route {
  return route<{ readonly token: string }>({
    ...READING,
    opensTo: 'everybody',
    name: 'downloadToken',
    path: '/api/downloads/{token}',
    description: OF_TOKEN,
    parse: ({ segments: [named = ''], url }) => ({ token: queryValue(url, 'token') ?? named }),
    async run({ token }, use) {
      const library = libraryOf(use);
      const grant = /^[0-9a-f]{32}$/.test(token) ? await library.grants.find(token) : undefined;
      const tenant = grant && library.tenants.byId(grant.tenantId);
      if (grant === undefined || tenant?.context !== grant.context) throw notFound('download');
      return replyTo(library, tenant, grant);
    },
  });
}

async function replyTo(library: LibraryUse, tenant: Tenant, grant: DownloadGrant): Promise<Reply> {
  const size = sizeIn({ text: () => grant.size, flag: () => false });
  const files = await Promise.all(
    grant.assets.map(async (id) => {
      const found = await library.library.describeAsset(tenant.context, id);
      if (found === undefined) throw notFound();
      return { found, version: await versionOf(library, tenant, found, undefined, size) };
    }),
  );
  const [first] = files;
  if (first !== undefined && files.length === 1) return fileReply(library, tenant, first.found, first.version, size);
  const names = distinctNames(files.map(({ found, version }) => fileNameFor(nameOf(found, version), sizeSent(size))));
  const entries: ZipEntry[] = [];
  for (const [at, { found, version }] of files.entries()) {
    // One rendition after the other: their sizes have to be known, and each is drawn once.
    const reply = await fileReply(library, tenant, found, version, size);
    entries.push(entryOf(names[at] ?? `${at}`, reply, () => fileReply(library, tenant, found, version, size)));
  }
  const { bytes, pieces } = await zipOf(entries);
  return {
    kind: 'stream',
    headers: [
      ['Content-Type', 'application/zip'],
      ['Content-Length', String(bytes)],
      ['Content-Disposition', attachmentNamed(grant.fileName, 'download.zip')],
      ['Cache-Control', 'private, no-store'],
    ],
    pieces: () => pieces,
  };
}

/** Renditions are not held for the whole of the ZIP, but read again when it is their turn. */
function entryOf(name: string, { version }: OriginalReply, again: () => Promise<OriginalReply>): ZipEntry {
  const { bytes, createdAt, digest } = version;
  return {
    ...{ name, bytes, modifiedAt: createdAt },
    async open() {
      const reply = await again();
      if (reply.version.digest !== digest) throw new Error('expected the picture whose size was told');
      return reply.open(0, bytes);
    },
  };
}

function nameOf({ asset }: DescribedAsset, version: Parameters<typeof fileNameOf>[1]): string {
  return fileNameOf(asset, version);
}
