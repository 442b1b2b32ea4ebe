// What the server and a converter child say to each other, and nothing else: a few hundred bytes a message, and small files, which
// cost more to make, flush and remove than to send; pixels never.
import { type Digest, parseDigest } from '../kernel/digest.js';
import type { ErrorName } from '../kernel/errors.js';
import type { Format, PreviewType } from '../kernel/format.js';
import type { Conversion, Drawing, MadePreview, ZoomTask } from '../kernel/ports/converter.js';
import type { AutoRule } from '../kernel/sequence.js';
import { type Metadata, SOURCE_TYPES, type SourceInfo, type SourceType } from '../kernel/source.js';

/** What every job of a child shares; handed over on its command line, as JSON. */
export interface ChildSettings {
  readonly sourceTypes: readonly SourceType[];
  /** Width x height x frames of a source. */
  readonly maxSourcePixels: number;
  /** Pages of a TIFF, frames of an animation. */
  readonly maxPages: number;
  /** After which the child is killed: who can end his own work before tells why. */
  readonly timeoutMs: number;
  readonly auto: AutoRule;
  /** Previews have to be on the disk before they are told of. */
  readonly flush: boolean;
  /** Large files of the commonest types are read by their path, piece by piece. */
  readonly streams?: boolean;
  /** Once it is ready, the child tells whether text of drawings can be drawn. */
  readonly tellsOfText?: boolean;
}

export interface JobMessage {
  readonly kind: 'job';
  readonly id: number;
  /** Empty where `content` is the source. */
  readonly sourcePath: string;
  /** Previews of it that are small, too, are sent back as bytes. */
  readonly content?: Buffer;
  readonly formats: readonly Format[];
  /** Canonical texts of formats whose previews are there already. */
  readonly made?: readonly string[];
  readonly wanted?: Format;
  readonly wantedOnly?: boolean;
  /** To be made in place of previews. */
  readonly zoom?: ZoomTask;
  /** In place of all of those. */
  readonly drawing?: Drawing;
  /** Previews that may be encoded side by side: more than 1 while cores have nothing else to do. */
  readonly encodesAtOnce: number;
  /** An existing, empty directory for this job alone; with `content` one that is made by whoever needs it. */
  readonly outputDir: string;
}

/** The memory that the header of the source asks for is granted: decode. */
export interface ProceedMessage {
  readonly kind: 'proceed';
  readonly id: number;
}

/** The memory that the header of the source asks for is more than there is: give up, for this public reason. */
export interface RefuseMessage {
  readonly kind: 'refuse';
  readonly id: number;
  readonly reason: string;
}

export type ToChild = JobMessage | ProceedMessage | RefuseMessage;

/** The child has loaded its decoders and waits for work. */
export interface ReadyMessage {
  readonly kind: 'ready';
}

/** Whether the machine has fonts: two letters look different. */
export interface TextMessage {
  readonly kind: 'text';
  readonly drawn: boolean;
}

export interface HeaderMessage {
  readonly kind: 'header';
  readonly id: number;
  readonly sourceType: SourceType;
  /** Bytes of memory that the conversion is going to take at most. */
  readonly costBytes: number;
}

export interface WantedMessage {
  readonly kind: 'wanted';
  readonly id: number;
  readonly info: SourceInfo;
  readonly metadata: Metadata;
  readonly preview: MadePreview;
}

/** How often the child decoded and encoded for a job. */
export interface WorkCounts {
  readonly decodes: Readonly<Record<DecodePurpose, number>>;
  readonly encodes: Readonly<Partial<Record<PreviewType, number>>>;
  /** Processor time of the child, all its threads, from the job to its end. */
  readonly cpuSeconds?: number;
}

/** `sequence`: the decode of every job; `again`: a second one, in full, because of hard edges that the first would blur. */
export type DecodePurpose = 'sequence' | 'again';

export interface DoneMessage {
  readonly kind: 'done';
  readonly id: number;
  readonly conversion: Conversion;
  /** Nothing was to be made. */
  readonly headerOnly?: true;
  readonly counts: WorkCounts;
  /** Resident memory of the child after the job, bytes. */
  readonly rssBytes: number;
  /** Of a region: tiles whose pixels are there for the next. */
  readonly tiles?: readonly Digest[];
}

export interface FailedMessage {
  readonly kind: 'failed';
  readonly id: number;
  readonly code: ErrorName;
  readonly message: string;
  /** What the decoder said; for the log alone. */
  readonly detail: string;
  /** Another time it may go well. */
  readonly uncertain?: true;
  readonly counts: WorkCounts;
}

/** Pixels of tiles that were not sent are not there any more: the job again, with all of them. */
export interface LacksMessage {
  readonly kind: 'lacks';
  readonly id: number;
}

export type FromChild =
  | ReadyMessage
  | TextMessage
  | HeaderMessage
  | WantedMessage
  | DoneMessage
  | FailedMessage
  | LacksMessage;

/** The largest source, and the largest preview, in bytes, that goes by message: two of what a pipe takes in one go. */
export const MAX_CONTENT_BYTES = 64 * 1024;

/** Tiles whose pixels a child keeps, however small they are, and tells of. */
export const MAX_TOLD_TILES = 256;

/** Pages of one source that are told; those behind are not. */
export const MAX_TOLD_PAGES = 1_000;

/** Of one job: more than any deadline leaves to all the cores of a machine. */
const MAX_CPU_SECONDS = 1e6;

/** More than any sequence has formats. */
const MAX_PREVIEWS = 1_000;

const KINDS: readonly string[] = [
  'ready',
  'text',
  'header',
  'wanted',
  'done',
  'failed',
  'lacks',
] satisfies FromChild['kind'][];

/** A message of a child if it has the outline of one: a child that a source has taken over could say anything. */
export function asFromChild(message: unknown): FromChild | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const { kind, id } = message as Readonly<Record<string, unknown>>;
  if (typeof kind !== 'string' || !KINDS.includes(kind)) return undefined;
  if (kind !== 'ready' && kind !== 'text' && typeof id !== 'number') return undefined;
  const fields = message as Readonly<Record<string, unknown>>;
  const complete =
    kind === 'ready' ||
    kind === 'lacks' ||
    (kind === 'text' && typeof fields.drawn === 'boolean') ||
    (kind === 'header' && isCount(fields.costBytes) && isSourceType(fields.sourceType)) ||
    (kind === 'wanted' && isObject(fields.info) && isPreview(fields.preview)) ||
    (kind === 'done' &&
      isConversion(fields.conversion, fields.headerOnly === true) &&
      isCounts(fields.counts) &&
      isTold(fields.tiles)) ||
    (kind === 'failed' &&
      typeof fields.code === 'string' &&
      typeof fields.message === 'string' &&
      isCounts(fields.counts));
  // The outline was checked; what is inside was made by our own code in the child or breaks only this conversion.
  return complete ? (message as FromChild) : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isConversion(value: unknown, isEmpty: boolean): boolean {
  return (
    isObject(value) &&
    isObject(value.info) &&
    Array.isArray(value.previews) &&
    (value.previews.length === 0) === isEmpty &&
    value.previews.length <= MAX_PREVIEWS &&
    value.previews.every(isPreview) &&
    (value.pages === undefined ||
      (Array.isArray(value.pages) && value.pages.length <= MAX_TOLD_PAGES && value.pages.every(isPage)))
  );
}

function isTold(tiles: unknown): boolean {
  if (tiles === undefined) return true;
  return Array.isArray(tiles) && tiles.length <= MAX_TOLD_TILES && tiles.every((digest) => typeof digest === 'string');
}

function isPage(value: unknown): boolean {
  return isObject(value) && isCount(value.widthPx) && isCount(value.heightPx) && typeof value.hasAlpha === 'boolean';
}

/** All that is used of a preview before its bytes are checked against its digest. */
function isPreview(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value.path === 'string' &&
    (value.content === undefined || Buffer.isBuffer(value.content)) &&
    typeof value.digest === 'string' &&
    parseDigest(value.digest) !== undefined &&
    isCount(value.bytes) &&
    isCount(value.widthPx) &&
    isCount(value.heightPx) &&
    Array.isArray(value.formats) &&
    value.formats.every((format) => typeof format === 'string') &&
    (value.indexDigest === undefined ||
      (typeof value.indexDigest === 'string' && parseDigest(value.indexDigest) !== undefined))
  );
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isSourceType(value: unknown): boolean {
  return SOURCE_TYPES.some((type) => type === value);
}

function isCounts(value: unknown): boolean {
  if (!isObject(value) || !isObject(value.decodes) || !isObject(value.encodes)) return false;
  const { cpuSeconds = 0 } = value;
  return typeof cpuSeconds === 'number' && cpuSeconds >= 0 && cpuSeconds <= MAX_CPU_SECONDS;
}
