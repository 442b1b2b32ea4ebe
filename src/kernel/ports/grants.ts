// The port of download grants: what a token opens for a few minutes, without any other credential. Of a token its hash alone is kept.
import type { Context } from '../image-key.js';
import type { AssetId, TenantId } from '../library/ids.js';

export interface DownloadGrant {
  readonly context: Context;
  readonly tenantId: TenantId;
  /** 1 to 1,000, in the order of the download. */
  readonly assets: readonly AssetId[];
  /** What is sent of each, in the words of the dialect. */
  readonly size: string;
  /** What the download is called. */
  readonly fileName: string;
  /** Unix ms; from then on the token begins no download. */
  readonly expiresAt: number;
}

export interface Grants {
  /** `token`: 16 characters or more, by chance. */
  put(token: string, grant: DownloadGrant): Promise<void>;
  /** `undefined` for a token that is not known, and once it has expired. */
  find(token: string): Promise<DownloadGrant | undefined>;
  /** Forgets what has expired, at most `limit`; resolves with how many. */
  sweepGrants(limit: number): Promise<number>;
}
