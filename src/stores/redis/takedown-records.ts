// The records of takedowns as they come from Redis, looked at field by field: whoever can write to the server can write anything, and
// who follows an order that is none would stop at it, and never hear of the next.
import { type Context, clientContextOf, type GroupRef, parseContext, parseImageKey } from '../../kernel/image-key.js';
import type { BegunPurge, PurgeStep } from '../../kernel/takedown/begun-purge.js';
import type {
  Acknowledgement,
  Amount,
  AssetOfContent,
  CopyHolder,
  HookState,
  TakedownOrder,
} from '../../kernel/takedown/order.js';
import type { PurgeSelection } from '../../kernel/takedown/purge.js';
import type { Tombstone } from '../../kernel/takedown/tombstone.js';
import { digestIn, fieldsOf, flagIn, listIn, numberIn, oneOf, optionalIn, textIn, wholeIn } from './record-fields.js';

export function tombstoneIn(value: unknown): Tombstone {
  const given = fieldsOf(value);
  return {
    content: digestIn(given.content),
    reason: textIn(given.reason),
    since: numberIn(given.since),
    ...optionalIn(given, 'until', numberIn),
  };
}

export function begunIn(value: unknown): BegunPurge {
  const given = fieldsOf(value);
  return {
    id: textIn(given.id),
    at: numberIn(given.at),
    by: textIn(given.by),
    reason: textIn(given.reason),
    selection: selectionIn(given.selection),
    isBlocked: flagIn(given.isBlocked),
    ...optionalIn(given, 'until', numberIn),
  };
}

export function stepIn(value: unknown): PurgeStep {
  const given = fieldsOf(value);
  return {
    groups: listIn(given.groups).map((group) => {
      const fields = fieldsOf(group);
      return { ...groupIn(fields), content: digestIn(fields.content), source: digestIn(fields.source) };
    }),
    blobs: listIn(given.blobs).map((blob) => {
      const [digest, bytes] = listIn(blob);
      return [digestIn(digest), wholeIn(bytes, 0)] as const;
    }),
    ...optionalIn(given, 'hasTiles', isTrue),
  };
}

export function orderIn(value: unknown): TakedownOrder {
  const given = fieldsOf(value);
  const lasting = fieldsOf(given.lasting);
  return {
    id: textIn(given.id),
    at: numberIn(given.at),
    by: textIn(given.by),
    reason: textIn(given.reason),
    ...optionalIn(given, 'selection', selectionIn),
    groups: wholeIn(given.groups, 0),
    named: listIn(given.named).map((group) => {
      const fields = fieldsOf(group);
      return { ...groupIn(fields), content: digestIn(fields.content) };
    }),
    lasting: { ...amountIn(lasting), tier: oneOf(['disk', 'shared'], lasting.tier) },
    stillNamed: wholeIn(given.stillNamed, 0),
    ...optionalIn(given, 'undeleted', (undeleted) => wholeIn(undeleted, 0)),
    derivatives: wholeIn(given.derivatives, 0),
    ...optionalIn(given, 'keptOriginals', (kept) => wholeIn(kept, 0)),
    ...optionalIn(given, 'originals', (originals) => listIn(originals).map(assetOfContentIn)),
    blobs: given.blobs === 'all' ? 'all' : listIn(given.blobs).map(digestIn),
    ...optionalIn(given, 'hasTiles', isTrue),
    blocked: listIn(given.blocked).map(digestIn),
    ...optionalIn(given, 'until', numberIn),
    ...optionalIn(given, 'unblocked', (unblocked) => listIn(unblocked).map(digestIn)),
    surrogateKeys: listIn(given.surrogateKeys).map(textIn),
  };
}

export function acknowledgementIn(value: unknown): Acknowledgement {
  const given = fieldsOf(value);
  return {
    holder: textIn(given.holder),
    host: textIn(given.host),
    worker: wholeIn(given.worker, 0),
    at: numberIn(given.at),
    memory: amountIn(given.memory),
    disk: amountIn(given.disk),
  };
}

export function holderIn(value: unknown): CopyHolder {
  const given = fieldsOf(value);
  return {
    id: textIn(given.id),
    host: textIn(given.host),
    worker: wholeIn(given.worker, 0),
    keepsDisk: flagIn(given.keepsDisk),
    followed: wholeIn(given.followed, 0),
    seenAt: numberIn(given.seenAt),
  };
}

export function hookIn(value: unknown): HookState {
  const given = fieldsOf(value);
  return {
    sent: wholeIn(given.sent, 0),
    messages: wholeIn(given.messages, 0),
    attempts: wholeIn(given.attempts, 0),
    dueAt: numberIn(given.dueAt),
    ...optionalIn(given, 'end', (end) => oneOf(['delivered', 'dead'], end)),
  };
}

function amountIn(value: unknown): Amount {
  const given = fieldsOf(value);
  return { blobs: wholeIn(given.blobs, 0), bytes: wholeIn(given.bytes, 0) };
}

function assetOfContentIn(value: unknown): AssetOfContent {
  const given = fieldsOf(value);
  return { context: contextIn(given.context), asset: textIn(given.asset) };
}

function groupIn(given: Readonly<Record<string, unknown>>): GroupRef {
  return { context: contextIn(given.context), imageKey: parseImageKey(textIn(given.imageKey)) };
}

function contextIn(value: unknown): Context {
  const context = textIn(value) as Context;
  // That of a library's previews is none that a client could name, and is one here.
  parseContext(clientContextOf(context));
  return context;
}

function selectionIn(value: unknown): PurgeSelection {
  const given = fieldsOf(value);
  const context = optionalIn(given, 'context', contextIn);
  switch (oneOf(['key', 'prefix', 'context', 'content'], given.by)) {
    case 'key':
      return { by: 'key', imageKey: parseImageKey(textIn(given.imageKey)), ...context };
    case 'prefix':
      return { by: 'prefix', prefix: textIn(given.prefix), ...context };
    case 'context':
      return { by: 'context', context: contextIn(given.context) };
    case 'content':
      return { by: 'content', content: digestIn(given.content) };
  }
}

function isTrue(value: unknown): true {
  return oneOf([true], value);
}
