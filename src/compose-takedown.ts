// Puts takedowns together: the guard that keeps blocked contents out, the following of the log, the use cases, and what tells the CDN.
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { ConfigError } from './config/config-error.js';
import type { Config } from './config/schema.js';
import type { Digest } from './kernel/digest.js';
import type { Clock } from './kernel/ports/clock.js';
import type { Logger } from './kernel/ports/logger.js';
import type { Metrics } from './kernel/ports/metrics.js';
import type { Storage } from './open-storage.js';
import type { Outbound } from './outbound/open-outbound.js';
import type { BlobTiers } from './previews/blob-tiers.js';
import { Rounds } from './previews/rounds.js';
import type { Takedown } from './previews/takedown/answers.js';
import { CdnNotifier } from './previews/takedown/cdn-notifier.js';
import { ContentGuard } from './previews/takedown/content-guard.js';
import { TakedownFollower } from './previews/takedown/takedown-follower.js';
import { TakedownService, type TakedownServiceDeps } from './previews/takedown/takedown-service.js';

/** A server whose store does not answer starts all the same, and follows as soon as it does. */
const CATCH_UP_MS = 2_000;
/** How often purges are looked for that somebody has begun and not ended. */
const RESUME_MS = 5_000;

export interface TakedownParts {
  readonly store: Pick<Storage, 'catalog' | 'walk' | 'takedowns' | 'copies' | 'derivatives' | 'leases' | 'tmpDir'>;
  readonly blobs: BlobTiers;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly workerIndex: number;
  readonly receiptKey: KeyObject | undefined;
  /** This process tells the CDN, and carries on what was interrupted; of a server one does. */
  readonly looksAfter: boolean;
  readonly version: string;
  readonly ownPorts: () => readonly number[];
}

export interface ComposedTakedown {
  readonly use: Takedown;
  readonly guard: ContentGuard;
  /** As this process last heard. */
  readonly wasBlocked: (content: Digest) => boolean;
  /** From now on purges tell which assets have what they took. */
  useLibrary(originalsOf: NonNullable<TakedownServiceDeps['originalsOf']>): void;
  /** Follows what was missed, then goes on; resolves once it has, or after a moment. `onBlocked`: see `TakedownFollowerDeps`. */
  start(onBlocked: () => void): Promise<void>;
  /** `isProper`: nothing has failed. What has may be the very disk that the leave-taking would be written to, and hang for. */
  close(isProper: boolean): Promise<void>;
}

export function composeTakedown(config: Config, parts: TakedownParts): ComposedTakedown {
  const { store, blobs, clock, logger, metrics, workerIndex, receiptKey } = parts;
  const { takedowns, catalog, walk, derivatives, leases, copies } = store;
  const { hookUrl, hookSecrets = [] } = config.takedown;
  let onBlocked = (): void => undefined;
  const follower = new TakedownFollower({
    ...{ takedowns, blobs, clock, logger },
    holder: {
      id: copies?.id ?? `${hostname()}/${process.pid}/${workerIndex}`,
      ...{ host: hostname(), worker: workerIndex, keepsDisk: copies !== undefined },
    },
    ...(copies && { memory: copies }),
    onBlocked: () => onBlocked(),
  });
  let originalsOf: TakedownServiceDeps['originalsOf'];
  const use = new TakedownService({
    ...{ takedowns, catalog, walk, blobs, clock, logger },
    ...(leases && { leases }),
    ...(derivatives && { derivatives }),
    ...(receiptKey && { key: receiptKey }),
    originalsOf: async (contents, limit) => (await originalsOf?.(contents, limit)) ?? { kept: 0, assets: [] },
    follow: () => follower.round(),
    lastTier: copies === undefined ? 'disk' : 'shared',
    by: config.admin.user,
    tellsCdn: hookUrl !== undefined,
    ...(hookUrl !== undefined && { tellCdn: async () => notifier?.round() }),
  });
  const blockedSince = follower.blockedSince.bind(follower);
  const guard = new ContentGuard({ takedowns, clock, blockedSince });
  const resuming = new Rounds({
    intervalMs: RESUME_MS,
    work: () => use.resume(),
    onFailure: (error) => logger.debug({ error }, 'interrupted purges could not be looked for; it is tried again'),
  });
  let [outbound, notifier]: [Outbound | undefined, CdnNotifier | undefined] = [undefined, undefined];
  return {
    use,
    guard,
    wasBlocked: (content) => blockedSince(content) !== undefined,
    useLibrary(given) {
      originalsOf = given;
    },
    async start(told) {
      onBlocked = told;
      await Promise.race([follower.round(), pause(CATCH_UP_MS)]);
      follower.start();
      if (parts.looksAfter) resuming.start();
      if (hookUrl === undefined || !parts.looksAfter) return;
      outbound = await openForHook(config, parts);
      const { sender } = outbound;
      notifier = new CdnNotifier({
        ...{ takedowns, sender, url: hookUrl, secrets: hookSecrets, clock, logger, metrics },
        ...(leases && { leases }),
      });
      metrics.gauge('cdn_purge_wait_seconds', notifier.waitSeconds.bind(notifier));
      notifier.start();
    },
    async close(isProper) {
      use.stop();
      await Promise.all([follower.close(isProper), resuming.close(), notifier?.close()]);
      await outbound?.close();
    },
  };
}

/** What receipts are signed with; read before anything is opened. Throws `ConfigError` for a key that cannot sign. */
export function receiptKeyOf({ takedown: { receiptKey: path } }: Config): KeyObject | undefined {
  if (path === undefined) return undefined;
  const fault = (what: string): ConfigError =>
    new ConfigError([{ key: 'takedown.receiptKey', env: 'PROOFSHEET_RECEIPT_KEY', what }]);
  let key: KeyObject;
  try {
    key = createPrivateKey(readFileSync(path));
  } catch {
    throw fault('expected a file with a private key as PEM, which can be read, got none');
  }
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw fault(`expected a private key of Ed25519, got one of ${key.asymmetricKeyType ?? 'another kind'}`);
}

/** Loaded only where there is a CDN to be told. */
async function openForHook(config: Config, parts: TakedownParts): Promise<Outbound> {
  const { clock, logger, metrics, store, version, ownPorts } = parts;
  const [{ openOutbound }, { outboundSettingsOf, ownPlaces }] = await Promise.all([
    import('./outbound/open-outbound.js'),
    import('./outbound-settings.js'),
  ]);
  return openOutbound(outboundSettingsOf(config), {
    ...{ clock, logger, metrics, dir: store.tmpDir, own: ownPlaces(ownPorts), userAgent: `Proofsheet/${version}` },
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
