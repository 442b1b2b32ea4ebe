// ZoomHub's contents over the library: a URL is an asset whose reference is the content's id, and an import of the same id while it is
// fetched and tiled. The id follows from the URL, so that a URL is one content whoever asks for it first. A file is an asset whose own id
// is the content's.
import { createHash } from 'node:crypto';
import { ProofsheetError } from '../../../kernel/errors.js';
import type { Context } from '../../../kernel/image-key.js';
import type { DescribedAsset, Json } from '../../../kernel/library/asset.js';
import {
  type AssetId,
  type ImportId,
  parseAssetId,
  parseImportId,
  parseTenantId,
} from '../../../kernel/library/ids.js';
import { type ImportItem, isFinal } from '../../../kernel/library/import-job.js';
import type { Tenant } from '../../../kernel/library/tenant.js';
import type { SlotRef } from '../../../kernel/library/upload.js';
import type { Library, LibraryUse } from '../../../library/answers.js';
import type { Upload } from '../../../previews/answers.js';
import type { UseCases } from '../route.js';

/** The name of contents among the references of their tenant. */
const SYSTEM = 'zoomhub';
const ID_CHARACTERS = 12;
const CLOSED_RETRY_SECONDS = 3_600;

/** `ready`: it has tiles, and the asset. */
export type ContentState =
  | { readonly kind: 'under-way' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'ready'; readonly asset: DescribedAsset };

export interface KnownContent {
  readonly id: ImportId | AssetId;
  /** As it was sent first; absent of one that was uploaded. */
  readonly url?: string;
  readonly state: ContentState;
}

/** A URL that is asked for: as it was sent, and as it is fetched. */
export interface SourceUrl {
  readonly sent: string;
  readonly href: string;
  /** Of who asks for it. */
  readonly email?: string;
}

/** What stands for ZoomHub's contents on this server: the library of one tenant. */
export class Contents {
  private constructor(
    private readonly uses: LibraryUse,
    private readonly tenant: Tenant,
  ) {}

  /** Throws `protected-operation-disabled` where there is no such tenant. */
  static of({ library }: UseCases, tenantId: string | undefined): Contents {
    const id = tenantId === undefined ? undefined : parseTenantId(tenantId);
    const tenant = id && library?.tenants.byId(id);
    if (library !== undefined && tenant) return new Contents(library, tenant);
    throw new ProofsheetError(
      'protected-operation-disabled',
      'expected a tenant, and none is configured: ZoomHub is shut until PROOFSHEET_ZOOMHUB_TENANT names one of the tenants',
    );
  }

  get library(): Library {
    return this.uses.library;
  }

  get links(): LibraryUse['links'] {
    return this.uses.links;
  }

  get maxBytes(): number {
    return this.uses.uploads.maxBytes;
  }

  get context(): Context {
    return this.tenant.context;
  }

  idOf({ href }: SourceUrl): ImportId {
    const hash = createHash('sha256')
      .update(JSON.stringify([SYSTEM, this.context, href]))
      .digest();
    // 64 bits of it, of which twelve digits are 62: as many as an import's own id has.
    const text = hash.readBigUInt64BE().toString(36).padStart(ID_CHARACTERS, '0').slice(-ID_CHARACTERS);
    return text as ImportId;
  }

  /** `undefined` for what nobody has asked for, or what was taken away since. */
  async find(text: string): Promise<KnownContent | undefined> {
    const [id, assetId] = [parseImportId(text), parseAssetId(text)];
    if (assetId !== undefined) return this.findUploaded(assetId);
    if (id === undefined) return undefined;
    const reference = { system: SYSTEM, externalId: id };
    const [job, asset] = await Promise.all([
      this.library.findImport(this.context, id),
      this.library.findByReference(this.context, reference),
    ]);
    const item = job?.dialect === SYSTEM ? await this.library.findItem(this.context, id, 0) : undefined;
    // The import tells it while it is remembered, and of what failed nothing else does; then the asset.
    const url = item?.sentUrl ?? urlOf(asset?.asset.metadata.url) ?? item?.url;
    const state = stateOf(item, asset);
    return state && url !== undefined ? { id, url, state } : undefined;
  }

  /** One whose bytes are there. */
  private async findUploaded(id: AssetId): Promise<KnownContent | undefined> {
    const described = await this.uses.library.describeAsset(this.context, id);
    if (described === undefined || described.asset.upload?.via !== SYSTEM) return undefined;
    const { asset, version } = described;
    if (version) return { id, state: { kind: 'ready', asset: described } };
    if (asset.state === 'pending') return undefined;
    return { id, state: { kind: asset.state === 'failed' ? 'failed' : 'under-way' } };
  }

  /**
   * What waits for the bytes of a file that is to be the content `id`; the same again where nothing has come. `undefined` where it is in
   * the trash. Throws `overloaded` where its tenant may have no more.
   */
  async waitingFor(id: AssetId, email: string | undefined): Promise<SlotRef | undefined> {
    const { uploads } = this.uses;
    const session = { name: 'ZoomHub', standalone: true, ...(email !== undefined && { note: email }) };
    const { number } = await uploads.openSession(this.tenant, session);
    const wish = { session: number, path: '', fileName: 'image', via: SYSTEM, assetId: id };
    const prepared = await uploads.prepare(this.tenant, wish);
    if (prepared === undefined) return undefined;
    if (prepared.outcome !== 'prepared') throw closed();
    return { assetId: prepared.asset.id, slotId: prepared.slotId };
  }

  /** The bytes become the content's. */
  async receive(slot: SlotRef, upload: Upload): Promise<void> {
    const { uploads } = this.uses;
    await uploads.receive(slot, upload);
    await uploads.complete(this.context, slot.assetId);
  }

  /** Begins with it, or rides along with who has begun. Throws `overloaded` where its tenant may have no more. */
  async begin({ sent, href, email }: SourceUrl, id: ImportId): Promise<KnownContent> {
    const title = decodeURIComponentOr(new URL(href).pathname.split('/').at(-1) ?? '').slice(0, 256);
    const acceptance = await this.library.acceptImport(this.tenant, {
      dialect: SYSTEM,
      id,
      startsAnew: true,
      items: [
        {
          url: href,
          sentUrl: sent,
          title: title === '' ? 'image' : title,
          reference: { system: SYSTEM, externalId: id },
          metadata: { url: sent, ...(email !== undefined && { email }) },
        },
      ],
    });
    if (acceptance.outcome === 'over-quota' || acceptance.outcome === 'too-many-open') throw closed();
    return { id, url: sent, state: { kind: 'under-way' } };
  }
}

/** What is told while no new content is taken. */
export function closed(): ProofsheetError {
  return new ProofsheetError('overloaded', 'We are currently not processing new content.', {
    retryAfterSeconds: CLOSED_RETRY_SECONDS,
  });
}

function stateOf(item: ImportItem | undefined, asset: DescribedAsset | undefined): ContentState | undefined {
  if (item && !isFinal(item.state)) return { kind: 'under-way' };
  if (item?.state === 'failed' || item?.state === 'cancelled') return { kind: 'failed' };
  return asset?.version ? { kind: 'ready', asset } : undefined;
}

function urlOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function decodeURIComponentOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
