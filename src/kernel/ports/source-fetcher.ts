// The port to the sources that users name by URL: a file of ours, or the reason why there is none.
import type { Digest } from '../digest.js';
import type { Context } from '../image-key.js';
import type { ImportReason } from '../import-reasons.js';
import type { HostRule } from '../source-url.js';

/** What an origin said by which a later fetch can ask whether anything changed. */
export interface SourceValidators {
  /** The URL that answered, behind all redirects: the validators are of this one alone. */
  readonly finalUrl: string;
  /** With its quotes, and `W/` where it is weak: enough to ask with, and never a proof of equal bytes. */
  readonly etag?: string;
  /** As it was sent. */
  readonly lastModified?: string;
}

export interface FetchRequest {
  /** One that `parseSourceUrl` takes. */
  readonly url: string;
  /** Hosts that may be asked, at every hop; absent: all public ones. */
  readonly allowedHosts?: readonly HostRule[];
  /** Who asks: what a host did to others keeps nobody from asking it; absent: one of those that are nobody's. */
  readonly context?: Context;
  /** Largest body in bytes, 1 or more. */
  readonly maxBytes: number;
  /** Of the last fetch, where its bytes are still there: then `not-modified` may be answered. */
  readonly validators?: SourceValidators;
  readonly signal: AbortSignal;
}

/** A finished temp file that belongs to whoever asked for it. Its shape is that of an upload. */
export interface FetchedFile {
  readonly path: string;
  readonly digest: Digest;
  /** MD5 of the bytes, 32 lower-case hex characters: a name that other systems know them by, no proof. */
  readonly md5: string;
  /** 1 or more. */
  readonly bytes: number;
  /** The origin's name for it (Content-Disposition), its last path segment only: a hint. */
  readonly fileName?: string;
}

export type Fetched =
  | {
      readonly kind: 'fetched';
      readonly file: FetchedFile;
      /** The media type that the origin told, lower-case, without parameters: a hint, the bytes decide. */
      readonly contentType?: string;
      /** Absent where the origin gave none. */
      readonly validators?: SourceValidators;
    }
  | { readonly kind: 'not-modified' }
  | FetchFailure;

export interface FetchFailure {
  readonly kind: 'failed';
  readonly reason: ImportReason;
  /** The status of the answer, where there was one. */
  readonly status?: number;
  /** One sentence for people, without the URL, its query and any address. */
  readonly message: string;
  /** Another attempt may end otherwise. */
  readonly isTransient: boolean;
  /** `false`: the host was not asked (it is busy, or has failed too often lately), so this counts as no attempt. */
  readonly wasTried: boolean;
  /** The host was not asked because we have as many requests to it as may be: our doing, and not its. */
  readonly isBusy?: boolean;
  /** Ms before which another attempt makes no sense, at most an hour. */
  readonly retryAfterMs?: number;
}

/** Fetches what users name, from addresses that are not shut, within limits of time and bytes. */
export interface SourceFetcher {
  /**
   * Rejects with the signal's reason when it aborts, and with `storage-full` or `overloaded` for faults of this machine; whatever
   * an origin does is a `Fetched`. Nothing is left behind where there is no file. Identical requests under way are sent once.
   */
  fetch(request: FetchRequest): Promise<Fetched>;
  close(): Promise<void>;
}
