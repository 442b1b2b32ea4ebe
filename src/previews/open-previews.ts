// From ports to use cases: wires what makes previews, keeps them right, within their limits and finds them, over whatever
// store and converter it is given. The server and the tests of this folder both compose it here.
import type { NegotiatedType } from '../kernel/negotiation.js';
import type { Catalog } from '../kernel/ports/catalog.js';
import type { AgingClock } from '../kernel/ports/clock.js';
import type { Converter } from '../kernel/ports/converter.js';
import type { Derivatives } from '../kernel/ports/derivatives.js';
import type { FairEviction } from '../kernel/ports/fair-eviction.js';
import type { Leases } from '../kernel/ports/leases.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Metrics } from '../kernel/ports/metrics.js';
import type { Refusals } from '../kernel/ports/refusals.js';
import type { Traces } from '../kernel/ports/traces.js';
import type { DrawingLimits } from '../kernel/recipe/resolve.js';
import type { Sequence } from '../kernel/sequence.js';
import { AccessJournal } from './access-journal.js';
import { BackgroundWork } from './background-work.js';
import type { BlobTiers } from './blob-tiers.js';
import { DrawingService, type DrawingsDeps } from './drawings.js';
import { ExactPictureService, type ExactPicturesDeps } from './exact-pictures.js';
import { Healer } from './healer.js';
import { lasting } from './make-once.js';
import { PreviewService, type PreviewServiceDeps } from './preview-service.js';
import { Refresher } from './refresher.js';
import { SightingBook } from './sightings.js';
import { SourceMaker } from './source-maker.js';
import { SourceRefusals } from './source-refusals.js';
import type { ContentGuard } from './takedown/content-guard.js';
import { type FreeSpace, Upkeep, type UpkeepDeps, type UpkeepLimits } from './upkeep.js';
import { VariantService, type VariantsDeps } from './variants.js';

/** What a store brings beside its blobs: its catalog, and what it alone can do. */
export interface StoreOfPreviews extends Pick<UpkeepDeps, 'sweepOrphans' | 'recount' | 'keepFree'> {
  readonly catalog: Catalog;
  readonly fair: FairEviction;
  /** Absent where no other process shares the catalog. */
  readonly leases?: Leases;
  /** Absent where failed sources are not remembered. */
  readonly refusals?: Refusals;
  /** Absent where nothing is drawn on demand. */
  readonly derivatives?: Derivatives;
  /** Absent where blobs are on no disk of ours, or nothing of it is to be kept free. */
  readonly space?: FreeSpace;
  /** Makes room on a disk that the catalog knows nothing of; absent where there is none. */
  readonly makeRoom?: () => void;
  /** On the blobs' file system, so that a blob is stored by a link. */
  readonly tmpDir: string;
}

/** Times in ms, unless said otherwise. */
export interface PreviewsSettings extends Pick<PreviewServiceDeps, 'deduplicate'> {
  readonly sequence: Sequence;
  readonly keepSource: boolean;
  /** `false`: of an upload only what is asked for is made, and the rest when it is. */
  readonly preConvert: boolean;
  /** See `SourceMakerDeps`. */
  readonly contextMaxConversions: () => number;
  /** Conversions under way or waiting, beyond which background work is refused; each upload in flight is one. */
  readonly maxBackgroundTasks: number;
  /** How coarse the time of last use is kept. */
  readonly lastAccessResolutionMs: number;
  /** How long a conversion is held for a process that died. */
  readonly leaseTtlMs: number;
  readonly limits: UpkeepLimits;
  /** Bounds of pictures on demand, and bytes of all that are kept; needed where the store keeps such. */
  readonly drawing?: { readonly limits: DrawingLimits; readonly maxBytes: number } & Pick<DrawingsDeps, 'admitNew'>;
  /** Types that stand in for JPEG where clients take them; none without. */
  readonly negotiate?: readonly NegotiatedType[];
  readonly upkeepIntervalMs: number;
}

export interface PreviewsParts {
  readonly store: StoreOfPreviews;
  readonly blobs: BlobTiers;
  readonly converter: Converter;
  /** Where pictures on demand may be kept near; absent without memory for them. */
  readonly memory?: DrawingsDeps['memory'];
  /** Keeps out what was taken down; absent where nothing can be. */
  readonly guard?: ContentGuard;
  readonly clock: AgingClock;
  /** See `UpkeepDeps`. */
  readonly clockNotes?: NonNullable<UpkeepDeps['clockNotes']>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Absent where nobody traces. */
  readonly traces?: Pick<Traces, 'within'>;
}

/** What is drawn when it is asked for; nothing where no store keeps it. */
export interface OnDemand {
  readonly drawings?: DrawingService;
  readonly exact?: ExactPictureService;
  /** Where types are negotiated. */
  readonly variants?: VariantService;
}

export interface OpenedPreviews {
  readonly previews: PreviewService;
  readonly onDemand: OnDemand;
  readonly maker: SourceMaker;
  readonly journal: AccessJournal;
  /** What this process has met lately. */
  readonly sightings: SightingBook;
  /** To be drained before the store is closed. */
  readonly background: BackgroundWork;
  /** Not started yet. */
  readonly upkeep: Upkeep;
  /** The disk takes no more: what was used longest ago makes room at once. */
  readonly makeRoom: () => void;
}

/** Opens nothing and starts nothing: what there is to be closed is the caller's. */
export function openPreviews(parts: PreviewsParts, settings: PreviewsSettings): OpenedPreviews {
  const { store, blobs, converter, clock, logger, metrics, traces } = parts;
  const { catalog } = store;
  const { sequence } = settings;
  const background = new BackgroundWork({ maxTasks: settings.maxBackgroundTasks, logger });
  const sightings = new SightingBook(() => clock.now());
  const journal = new AccessJournal(catalog, clock, settings.lastAccessResolutionMs, (group) => sightings.used(group));
  const makeRoom = (): void => {
    upkeep.full();
    store.makeRoom?.();
  };
  const refusals = store.refusals && new SourceRefusals(store.refusals, metrics);
  const makingLeases = store.leases && lasting(store.leases, settings.leaseTtlMs);
  const drawings =
    store.derivatives && settings.drawing
      ? new DrawingService({
          derivatives: store.derivatives,
          blobs,
          converter,
          ...(parts.memory && { memory: parts.memory }),
          ...(makingLeases && { leases: makingLeases }),
          ...(refusals && { refusals }),
          background,
          metrics,
          logger,
          ...(settings.deduplicate && { deduplicate: settings.deduplicate }),
          ...(parts.guard && { guard: parts.guard }),
          ...settings.drawing,
          tmpDir: store.tmpDir,
        })
      : undefined;
  const maker = new SourceMaker({
    catalog,
    blobs,
    converter,
    ...(makingLeases && { leases: makingLeases }),
    ...(refusals && { refusals }),
    ...(traces && { traces }),
    metrics,
    background,
    contextMaxConversions: settings.contextMaxConversions,
    sequence,
    keepSource: settings.keepSource,
    preConvert: settings.preConvert,
    tmpDir: store.tmpDir,
    onStored: (bytes) => upkeep.stored(bytes),
    onGroups: (groups, bytes) => {
      for (const group of groups) sightings.stored(group, bytes);
    },
    onFull: makeRoom,
  });
  const { sweepOrphans, recount, keepFree, space, leases, fair } = store;
  const upkeep = new Upkeep({
    catalog,
    fair,
    blobs,
    journal,
    maker,
    ...(sweepOrphans && { sweepOrphans }),
    ...(recount && { recount }),
    ...(keepFree && { keepFree }),
    ...(space && { space }),
    ...(drawings && { drawings }),
    ...(leases && { leases }),
    clock,
    ...(parts.clockNotes && { clockNotes: parts.clockNotes }),
    logger,
    metrics,
    limits: settings.limits,
    intervalMs: settings.upkeepIntervalMs,
  });
  const previews = new PreviewService({
    catalog,
    blobs,
    maker,
    healer: new Healer({ catalog, maker, metrics, logger }),
    refresher: new Refresher({ catalog, maker, background, sequence, preConvert: settings.preConvert }),
    journal,
    sequence,
    ...(settings.deduplicate && { deduplicate: settings.deduplicate }),
    ...(parts.guard && { guard: parts.guard }),
    clock,
    logger,
  });
  const onDemand = onDemandOf(drawings, settings, { ...parts, catalog, previews, journal, background });
  return { previews, onDemand, maker, journal, sightings, background, upkeep, makeRoom };
}

function onDemandOf(
  drawings: DrawingService | undefined,
  { sequence, negotiate }: PreviewsSettings,
  {
    background,
    logger,
    ...found
  }: Omit<ExactPicturesDeps, 'drawings' | 'sequenceId'> & Omit<VariantsDeps, 'drawings' | 'types'>,
): OnDemand {
  if (drawings === undefined) return {};
  return {
    drawings,
    exact: new ExactPictureService({ ...found, drawings, sequenceId: sequence.id }),
    ...(negotiate && { variants: new VariantService({ drawings, background, logger, types: negotiate }) }),
  };
}
