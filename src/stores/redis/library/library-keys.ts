// Names every key of the library in Redis. All of them share one hash tag, since whatever belongs together is committed by one script:
// in a Cluster the library lies on one master. What clients name (contexts, references, keys of wishes) stands there as its hash.
import { createHash } from 'node:crypto';
import type { Digest } from '../../../kernel/digest.js';
import type { Context } from '../../../kernel/image-key.js';
import type { ExternalReference } from '../../../kernel/library/asset.js';
import type { FolderId } from '../../../kernel/library/folder.js';
import type { AssetId, ImportId } from '../../../kernel/library/ids.js';
import type { JobKind } from '../../../kernel/ports/jobs.js';

/** Raise it when keys or records change their meaning; data of another version is refused. */
export const LIBRARY_SCHEMA_VERSION = 1;
const HASH_CHARACTERS = 32;

export class LibraryKeys {
  /** In front of every key, with the hash tag; scripts make names from it. */
  readonly base: string;

  /** `prefix`: as `KeyLayout` takes it. */
  constructor(prefix: string) {
    this.base = `${prefix.endsWith(':') ? prefix : `${prefix}:`}{library}:`;
  }

  get schema(): string {
    return `${this.base}schema`;
  }
  /** Hash: the last number given to an asset, the last serial of an import. */
  get numbers(): string {
    return `${this.base}numbers`;
  }

  // Assets: record; versions by number; by reference; by number, living and in the trash; what is in the trash since when.
  asset = (id: AssetId) => `${this.base}asset:${id}`;
  versions = (id: AssetId) => `${this.base}versions:${id}`;
  reference = (context: Context, { system, externalId }: ExternalReference) =>
    `${this.base}reference:${hashOf(context)}:${hashOf(JSON.stringify([system, externalId]))}`;
  assetsOf = (context: Context, isTrashed: boolean) =>
    `${this.base}${isTrashed ? 'trashed' : 'assets'}:${hashOf(context)}`;
  get trash(): string {
    return `${this.base}trash`;
  }

  // Originals: record; how many versions of a context name it; those that none names, since when; places to be cleared.
  original = (digest: Digest) => `${this.base}original:${digest}`;
  held = (context: Context) => `${this.base}held:${hashOf(context)}`;
  get unneeded(): string {
    return `${this.base}unneeded`;
  }
  get leaving(): string {
    return `${this.base}leaving`;
  }

  /** Contents that contexts have let go of, when they are due (see let-go-notes.ts). */
  get letGo(): string {
    return `${this.base}letgo`;
  }

  /** Hash: what a context has, or all of them together. */
  usage = (context: Context | undefined) =>
    context === undefined ? `${this.base}usage` : `${this.base}usage:${hashOf(context)}`;
  /** Hash: images reserved, by minute. */
  reserved = (context: Context) => `${this.base}reserved:${hashOf(context)}`;
  /** Changes with every import that is accepted: two that look at one quota at the same time do not both go by what they saw. */
  acceptance = (context: Context) => `${this.base}acceptance:${hashOf(context)}`;

  // Uploads: sessions; those of a context, by number; when they were opened; their assets by number; slots that are not committed, since when.
  session = (number: number) => `${this.base}session:${number}`;
  sessionsOf = (context: Context) => `${this.base}sessions:${hashOf(context)}`;
  get newSessions(): string {
    return `${this.base}newsessions`;
  }
  sessionAssets = (number: number) => `${this.base}sessionassets:${number}`;
  get openSlots(): string {
    return `${this.base}openslots`;
  }

  /** What a token opens. */
  grant = (token: string) => `${this.base}grant:${createHash('sha256').update(token).digest('hex')}`;

  // Imports: record; items by index, and all of one that has ended; by serial, of a context and all; which ended when; by the key of the wish.
  import = (id: ImportId) => `${this.base}import:${id}`;
  items = (id: ImportId) => `${this.base}items:${id}`;
  endedItems = (id: ImportId) => `${this.base}endeditems:${id}`;
  importsOf = (context: Context | undefined) =>
    context === undefined ? `${this.base}imports` : `${this.base}imports:${hashOf(context)}`;
  get ended(): string {
    return `${this.base}ended`;
  }
  importKey = (context: Context, key: string) => `${this.base}importkey:${hashOf(context)}:${hashOf(key)}`;

  // Jobs: see job-scripts.ts, which makes the other names.
  job = (kind: JobKind, id: string) => `${this.base}job:${kind}:${id}`;
  jobKeys = (kind: JobKind) => `${this.base}jobkeys:${kind}`;
  /** Hash: contexts that had jobs or originals, by their hashes. */
  get contexts(): string {
    return `${this.base}contexts`;
  }

  /** Who is told of what becomes of the assets of a context. */
  endpoints = (context: Context) => `${this.base}endpoints:${hashOf(context)}`;

  // Folders: record; list of batches.
  folder = (context: Context, id: FolderId) => `${this.base}folder:${hashOf(context)}:${id}`;
  folderBatches = (context: Context, id: FolderId) => `${this.base}folderbatches:${hashOf(context)}:${id}`;

  // Deliveries: a receiver and how it stands; the latest said to it; those of a context, and all, by their last use; those that failed.
  receiver = (name: string) => `${this.base}receiver:${name}`;
  deliveries = (name: string) => `${this.base}deliveries:${name}`;
  receiversOf = (context: Context) => `${this.base}receivers:${hashOf(context)}`;
  get receivers(): string {
    return `${this.base}receivers`;
  }
  get failing(): string {
    return `${this.base}failing`;
  }
}

/** A context, or another text of clients, as it stands in a key: 128 bits of its SHA-256, hex. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_CHARACTERS);
}

/** A receiver of a context, as it stands in keys and sets. */
export function receiverName(context: Context, receiver: string): string {
  return `${hashOf(context)}:${hashOf(receiver)}`;
}
