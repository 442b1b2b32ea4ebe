// Takedowns: purges and their receipts, tombstones, and the key by which receipts can be verified.
import { ProofsheetError } from '../../../kernel/errors.js';
import { type PurgeSelection, parseSelection } from '../../../kernel/takedown/purge.js';
import { parseReason, parseUntil, type Tombstone } from '../../../kernel/takedown/tombstone.js';
import type { PurgeRequest, SignedReceipt } from '../../../previews/takedown/answers.js';
import { json } from '../../replies/reply.js';
import { queryValue } from '../../url-query.js';
import { CHANGING, limitIn, TELLING, timeOf, timeOrNull, WATCHING } from '../for-operators.js';
import { type Route, route } from '../route.js';
import { OF_BLOCKING, OF_KEYS, OF_PURGE, OF_PURGES, OF_RECEIPT, OF_TOMBSTONES, OF_UNBLOCKING } from './descriptions.js';
import { digestIn, objectOf, takedownOf } from './rules.js';

const USUAL_RECEIPTS = 20;
const MOST_RECEIPTS = 100;
const USUAL_TOMBSTONES = 1_000;
const MOST_TOMBSTONES = 10_000;

/** `POST /admin/purge` */
const purge = route<PurgeRequest>({
  ...TELLING,
  name: 'adminPurge',
  path: '/purge',
  description: OF_PURGE,
  parse: (_, body) => purgeIn(objectOf(body, ['key', 'prefix', 'context', 'content', 'reason', 'block', 'until'])),
  run: async (asked, use) => json(told(await takedownOf(use).purge(asked))),
});

function purgeIn({ reason, block = false, until, ...selected }: Readonly<Record<string, unknown>>): PurgeRequest {
  if (typeof block !== 'boolean')
    throw new ProofsheetError('invalid-request-format', 'expected block as true or false');
  if (!block && until !== undefined && until !== null)
    throw new ProofsheetError('invalid-request-format', 'expected until only with block: it ends a tombstone');
  const selection: PurgeSelection = parseSelection(selected);
  const end = parseUntil(until, Date.now());
  return { selection, reason: parseReason(reason), isBlocked: block, ...(end !== undefined && { until: end }) };
}

/** `GET /admin/purges?limit=`: the latest first. */
const purges = route<{ readonly limit: number }>({
  ...WATCHING,
  name: 'adminPurges',
  path: '/purges',
  description: OF_PURGES,
  parse: (target) => ({ limit: limitIn(queryValue(target.url, 'limit'), USUAL_RECEIPTS, MOST_RECEIPTS) }),
  run: async ({ limit }, use) => json({ purges: await takedownOf(use).latest(limit) }),
});

/** `GET /admin/purges/{id}`: the receipt as it is by now. */
const receipt = route<{ readonly id: string }>({
  ...WATCHING,
  name: 'adminReceipt',
  path: '/purges/{id}',
  description: OF_RECEIPT,
  parse: ({ segments: [id = ''] }) => ({ id }),
  async run({ id }, use) {
    const found = /^tkd_[0-9a-f]{32}$/.test(id) ? await takedownOf(use).receipt(id) : undefined;
    if (found === undefined) throw new ProofsheetError('unknown-image-key', 'there is no receipt of this id');
    return json(told(found));
  },
});

/** `GET /admin/tombstones?limit=` */
const tombstones = route<{ readonly limit: number }>({
  ...WATCHING,
  name: 'adminTombstones',
  path: '/tombstones',
  description: OF_TOMBSTONES,
  parse: (target) => ({ limit: limitIn(queryValue(target.url, 'limit'), USUAL_TOMBSTONES, MOST_TOMBSTONES) }),
  run: async ({ limit }, use) => {
    const stones = await takedownOf(use).tombstones(limit);
    return json({ tombstones: stones.map(toldStone) });
  },
});

/** `POST /admin/block`: blocks a content that may not even be here. */
const block = route<Pick<Tombstone, 'content' | 'reason' | 'until'>>({
  ...TELLING,
  name: 'adminBlock',
  path: '/block',
  description: OF_BLOCKING,
  parse(_, body) {
    const { content, reason, until } = objectOf(body, ['content', 'reason', 'until']);
    const end = parseUntil(until, Date.now());
    return { content: digestIn(content), reason: parseReason(reason), ...(end !== undefined && { until: end }) };
  },
  run: async ({ content, reason, until }, use) => json(toldStone(await takedownOf(use).block(content, reason, until))),
});

/** `POST /admin/unblock/{content}` */
const unblock = route<Pick<Tombstone, 'content'>>({
  ...CHANGING,
  name: 'adminUnblock',
  path: '/unblock/{content}',
  description: OF_UNBLOCKING,
  parse: ({ segments: [content] }) => ({ content: digestIn(content) }),
  async run({ content }, use) {
    if (await takedownOf(use).unblock(content)) return json({ unblocked: true });
    throw new ProofsheetError('unknown-image-key', 'this content has no tombstone');
  },
});

/** `GET /admin/keys`: whoever has a receipt may verify it. */
const keys = route<null>({
  ...WATCHING,
  opensTo: 'everybody',
  effort: 'stays-open',
  name: 'adminKeys',
  path: '/keys',
  description: OF_KEYS,
  parse: () => null,
  run: async (_, use) => json({ keys: takedownOf(use).publicKeys() }),
});

export const purgeRoutes: readonly Route[] = [purge, purges, receipt, tombstones, block, unblock, keys];

function told({ receipt: plain, jws }: SignedReceipt) {
  return { receipt: plain, jws: jws ?? null };
}

function toldStone({ content, reason, since, until }: Tombstone) {
  return {
    ...{ content, reason, since: timeOf(since) },
    until: timeOrNull(until),
  };
}
