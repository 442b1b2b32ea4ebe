// The receipt of a takedown: what left which tier on which node, who still has to follow, and how the CDN was told. A pure function of
// the order and of what processes have said since, so that it can be asked for again, and is complete once all have followed.
import type { Digest } from '../digest.js';
import { type ImageKey, type ShownContext, shownContextOf } from '../image-key.js';
import {
  type Acknowledgement,
  type Amount,
  type AssetOfContent,
  type CopyHolder,
  type HookState,
  mayHold,
  type TakedownOrder,
} from './order.js';

/** The `typ` under which receipts are signed. */
export const RECEIPT_TYPE = 'proofsheet-takedown+json';

export type NodeOfReceipt =
  | {
      readonly state: 'dropped';
      readonly host: string;
      readonly worker: number;
      readonly at: string;
      readonly memory: Amount;
      readonly disk: Amount;
    }
  /** It has not said yet that it has dropped its copies; it does so before it serves any, once it is back. */
  | { readonly state: 'away'; readonly host: string; readonly worker: number; readonly seenAt: string };

/** By the context that a client knows, as `originals` are; where it is the library's, `imageKey` is the digest of an asset's original. */
export interface GroupOfReceipt extends ShownContext {
  readonly imageKey: ImageKey;
  readonly content: Digest;
}

export interface Receipt {
  readonly id: string;
  /** ISO 8601, UTC, as all times here. */
  readonly takenDownAt: string;
  readonly issuedAt: string;
  readonly by: string;
  readonly reason: string;
  readonly selection: TakedownOrder['selection'] | null;
  readonly groups: { readonly removed: number; readonly named: readonly GroupOfReceipt[] };
  readonly lasting: TakedownOrder['lasting'];
  readonly stillNamed: number;
  readonly undeleted: number;
  readonly derivatives: number;
  /** Assets whose originals are these contents, and stay until the assets are erased: at most `MAX_NAMED_ASSETS`. Blocked, they are shown to nobody. */
  readonly originals: readonly AssetOfContent[];
  /** How many of these contents the library keeps, whoever has them: also in uploads that are not complete, and of tenants that are in no file any more. */
  readonly keptOriginals: number;
  readonly blocked: { readonly contents: readonly Digest[]; readonly until: string | null };
  readonly unblocked: readonly Digest[];
  readonly nodes: readonly NodeOfReceipt[];
  readonly cdn: {
    readonly state: 'none' | 'queued' | 'delivered' | 'dead';
    readonly surrogateKeys: number;
    readonly messages: number;
    readonly sent: number;
  };
  /** It is being carried out still, or was interrupted and is carried on soon: nothing but what was asked for is known yet. */
  readonly isUnderWay: boolean;
  /** It is carried out, the last tier has let all of it go, the library does not keep it, every process that may have copies has dropped them, and the CDN, where there is one, has taken every message. */
  readonly isComplete: boolean;
}

/** `number`: the order's own, infinite while it is not in the log; a holder that has followed a later one has followed it too. */
export function receiptOf(
  order: TakedownOrder,
  number: number,
  acknowledged: readonly Acknowledgement[],
  holders: readonly CopyHolder[],
  hook: HookState | undefined,
  now: number,
): Receipt {
  const has = new Set(acknowledged.map(({ holder }) => holder));
  const away = holders.filter((holder) => !has.has(holder.id) && holder.followed < number && mayHold(holder, now));
  const cdn = hook === undefined ? 'none' : (hook.end ?? 'queued');
  const { selection, groups, named, lasting, stillNamed, derivatives, blocked, until, by, reason, id } = order;
  return {
    ...{ id, takenDownAt: timeOf(order.at), issuedAt: timeOf(now), by, reason, selection: selection ?? null },
    groups: {
      removed: groups,
      named: named.map(({ context, ...rest }) => ({ ...shownContextOf(context), ...rest })),
    },
    ...{ lasting, stillNamed, undeleted: order.undeleted ?? 0, derivatives, originals: order.originals ?? [] },
    keptOriginals: order.keptOriginals ?? 0,
    blocked: { contents: blocked, until: until === undefined ? null : timeOf(until) },
    unblocked: order.unblocked ?? [],
    nodes: [
      ...acknowledged.map(
        ({ host, worker, at, memory, disk }): NodeOfReceipt => ({
          ...{ state: 'dropped', host, worker, at: timeOf(at), memory, disk },
        }),
      ),
      ...away.map(
        ({ host, worker, seenAt }): NodeOfReceipt => ({ state: 'away', host, worker, seenAt: timeOf(seenAt) }),
      ),
    ],
    cdn: {
      state: cdn,
      surrogateKeys: order.surrogateKeys.length,
      messages: hook?.messages ?? 0,
      sent: hook?.sent ?? 0,
    },
    isUnderWay: !Number.isFinite(number),
    isComplete:
      Number.isFinite(number) &&
      (order.originals ?? []).length === 0 &&
      (order.keptOriginals ?? 0) === 0 &&
      (order.undeleted ?? 0) === 0 &&
      away.length === 0 &&
      cdn !== 'queued' &&
      cdn !== 'dead',
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
