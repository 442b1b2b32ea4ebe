// What the edge is given: its settings and what it answers from. Types only, so that every part of the edge can name them.
import type { ProofsheetError } from '../kernel/errors.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { CountingSlot, MetricSlots, Metrics } from '../kernel/ports/metrics.js';
import type { Refusals } from '../kernel/ports/refusals.js';
import type { Traces } from '../kernel/ports/traces.js';
import type { MetadataKind } from '../kernel/private-tags.js';
import type { FailureStory } from '../kernel/process-report.js';
import type { ImageGroup } from '../kernel/source.js';
import type { SurrogateHeader } from '../kernel/takedown/surrogate-keys.js';
import type { LibraryUse } from '../library/answers.js';
import type { Drawings, ExactPictures, PreviewChoice, Previews, Variants } from '../previews/answers.js';
import type { Operators } from '../previews/operators.js';
import type { Reconcile } from '../previews/reconcile/reconcile-service.js';
import type { Takedown } from '../previews/takedown/answers.js';
import type { Zoom } from '../previews/zoom/answers.js';
import type { Access } from './access/access.js';
import type { Credential } from './access/admin-guard.js';
import type { FairUseLimits } from './access/fair-use.js';
import type { Dialect } from './dialects/dialect.js';
import type { HotLaneDeps } from './hot/hot-lane.js';
import type { HealthReport, MetricsForm, MetricsText } from './probes.js';
import type { StatusReport } from './status/status-page.js';
import type { UploadsLimits } from './uploads/uploads.js';
import type { WireLimits } from './wire/server.js';

/** Settings of the edge; all times in ms, all sizes in bytes, all of them 1 or more unless said otherwise. */
export interface HttpConfig extends WireLimits, UploadsLimits, FairUseLimits {
  /** Who may clear and list; empty switches those operations off. */
  readonly admins: readonly Credential[];
  /** Time a client has to take each 256 KiB of an answer. */
  readonly sendTimeoutMs: number;
  /** How many proxies before us are believed, 0 or more. */
  readonly trustProxyHops: number;
  /** Origins whose pages may read answers, `*` for any; none: no CORS headers. */
  readonly corsOrigins: readonly string[];
  /** `Cache-Control` of previews and metadata. */
  readonly cacheControl: string;
  /** The header that tells a CDN the surrogate keys of an answer; absent: none does. */
  readonly surrogateKeys?: SurrogateHeader;
  /** `full`: everything to everybody, or, where access is restricted, to who brings a token; `safe`: to nobody. */
  readonly metadata: MetadataKind;
  /** Answer the probes and metrics beside the operations; else only `createHealthServer` does. */
  readonly publicMetrics: boolean;
}

/** Who may clear and list, and how much one may ask for. */
export type Protecting = Pick<HttpConfig, 'admins' | keyof FairUseLimits>;

export interface EdgeDependencies {
  /** What documents say of the server's age, as package.json has it. */
  readonly version: string;
  /** What the server speaks; the first one's mount is probed as the original's is. */
  readonly dialects: readonly [Dialect, ...Dialect[]];
  /** Who may upload and read. */
  readonly access: Access;
  readonly previews: Previews;
  /** Absent where nothing is drawn on demand. */
  readonly drawings?: Drawings;
  readonly exact?: ExactPictures;
  readonly variants?: Variants;
  readonly zoom?: Zoom;
  /** Absent where no tenants are configured. */
  readonly library?: LibraryUse;
  readonly config: HttpConfig;
  /** Of it what may be replaced while the server runs; asked for every request. Absent: as in `config`. */
  readonly protecting?: () => Protecting;
  /** Every hit is to be logged, so that none is answered from what is prepared. Absent: never. */
  readonly logsHits?: () => boolean;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Absent where nobody traces. */
  readonly traces?: Traces;
  /** Each dependency by name; a rejection counts as not ready. */
  readonly health: () => Promise<HealthReport>;
  /** What the status page shows. */
  readonly status: () => Promise<StatusReport>;
  /** The metrics as text; in Prometheus' own format unless named. */
  readonly metricsText: (form?: MetricsForm) => Promise<MetricsText>;
  /** The negative cache; absent where it is off. */
  readonly refusals?: Refusals;
  /** Why no upload should be taken that needs a conversion, while that is so: asked before a body is read. */
  readonly strain?: () => ProofsheetError | undefined;
  /** What operators watch by; absent only where a test leaves it out. */
  readonly operators?: Operators;
  /** Absent only where a test leaves it out. */
  readonly takedown?: Takedown;
  readonly reconcile?: Reconcile;
  /** Told of every request that failed. */
  readonly onFailure?: (story: FailureStory) => void;
  /** Told when the disk took no upload, or none of what was made of it. */
  readonly onStorageFull?: () => void;
  /** Where answers with a choice of preview are counted. */
  readonly countOf?: (choice: PreviewChoice) => CountingSlot | undefined;
  /** What cached previews are answered from before anything else looks at the request; absent where nothing is. */
  readonly hot?: HotDependencies;
}

/** What the edge makes its prepared answers of. */
export interface HotDependencies extends Pick<HotLaneDeps, 'currency' | 'bodies' | 'maxBytes'> {
  readonly metrics: MetricSlots;
  /** Told of every group whose preview was answered; has to be cheap. */
  readonly onUse: (group: ImageGroup) => void;
}
