// Records with a right checksum that somebody else has made, each field of them in turn something that it is not: who asks is told that
// there is none, and never gets a digest, a number or a list that is none. (Sources, groups and the library: codec-and-keys.test.ts and
// library-damage.test.ts.)
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Context, ImageKey } from '../../../src/kernel/image-key.js';
import type { TakedownOrder } from '../../../src/kernel/takedown/order.js';
import { KeyLayout } from '../../../src/stores/redis/key-layout.js';
import { type Sealed, Seals } from '../../../src/stores/redis/seals.js';
import { blobOf, testSource } from '../../support/records.js';
import { redisOfFile } from '../../support/redis-of-file.js';
import { newPrefix, openTestStore, PATIENT, type TestStore } from '../../support/redis-store.js';

const picture = blobOf('picture', 10);
const [one, other] = [picture.digest, blobOf('other').digest];
const group = { context: 'tenant' as Context, imageKey: 'key' as ImageKey };
const amount = { blobs: 1, bytes: 2 };
const id = `tkd_${'0'.repeat(32)}`;
const derivative = { type: 'jpg', widthPx: 3, heightPx: 2, bytes: 10, digest: one } as const;
const { info, metadata } = testSource('a').record;
const order: TakedownOrder = {
  ...{ id, at: 1, by: 'admin', reason: 'because', groups: 1, stillNamed: 0, derivatives: 0 },
  selection: { by: 'key', ...group },
  named: [{ ...group, content: one }],
  lasting: { ...amount, tier: 'shared' },
  originals: [{ context: group.context, asset: 'ast_1' }],
  blobs: [one],
  hasTiles: true,
  blocked: [one],
  until: 5,
  unblocked: [other],
  surrogateKeys: ['a'],
};
const holder = { id: 'node', host: 'host', worker: 0, keepsDisk: true, followed: 1, seenAt: 1 };
const begun = {
  ...{ id, at: 1, by: 'admin', reason: 'because', isBlocked: true, until: 5 },
  selection: { by: 'prefix', prefix: 'a', context: group.context },
} as const;
const step = {
  groups: [{ ...group, content: one, source: other }],
  blobs: [[one, 3] as const],
  hasTiles: true,
} as const;

/** A record as it is written by us, where it lies and what its seal is over, and what reads it. */
interface Kind {
  readonly what: string;
  readonly value: unknown;
  readonly seal: Sealed;
  readonly named: string;
  readonly at: (keys: KeyLayout) => readonly [key: string, field?: string];
  readonly before?: string;
  readonly write: (store: TestStore) => Promise<unknown>;
  readonly read: (store: TestStore) => Promise<unknown>;
}

const takedown = (what: string, field: string) => (keys: KeyLayout) => [keys.takedowns(what), field] as const;
const KINDS: readonly Kind[] = [
  {
    what: 'what is known of a source',
    value: { info, metadata, base: derivative },
    seal: 'derivative',
    named: `${one}:source`,
    at: (keys) => [keys.derivative(`${one}:source`)],
    write: ({ derivatives }) => derivatives.noteSource(one, { info, metadata, base: derivative }),
    read: ({ derivatives }) => derivatives.sourceOf(one),
  },
  {
    what: 'a picture on demand',
    value: derivative,
    seal: 'derivative',
    named: `${one}:${other}`,
    at: (keys) => [keys.derivative(`${one}:${other}`)],
    write: ({ derivatives }) => derivatives.put(one, other, derivative, picture.bytes),
    read: ({ derivatives }) => derivatives.find(one, other),
  },
  {
    what: 'a tombstone',
    value: { content: one, reason: 'because', since: 1, until: 5 },
    seal: 'takedown',
    named: `tombstone\0${one}`,
    at: takedown('tombstones', one),
    write: ({ takedowns }) => takedowns.block([{ content: one, reason: 'because', since: 1, until: 5 }], 1),
    read: async ({ takedowns }) => (await takedowns.tombstones(9))[0] ?? takedowns.findTombstone(one),
  },
  {
    what: 'an order',
    value: order,
    seal: 'takedown',
    named: `order\0${id}`,
    before: `${id} `,
    at: takedown('orders', '1'),
    write: ({ takedowns }) => takedowns.append(order),
    read: async ({ takedowns }) => (await takedowns.after(0, 9))[0]?.order ?? (await takedowns.find(id))?.order,
  },
  {
    what: 'a purge that was begun',
    value: begun,
    seal: 'takedown',
    named: 'begun',
    at: takedown('begun', id),
    write: ({ takedowns }) => takedowns.begin(begun),
    read: async ({ takedowns }) => (await takedowns.begun())[0],
  },
  {
    what: 'a step of a purge',
    value: step,
    seal: 'takedown',
    named: `step\0${id}\0${0}`,
    at: takedown(`steps:${id}`, '0'),
    write: ({ takedowns }) => takedowns.noteStep(id, 0, step),
    read: ({ takedowns }) => takedowns.stepOf(id, 0),
  },
  {
    what: 'an acknowledgement',
    value: { holder: 'node', host: 'host', worker: 0, at: 1, memory: amount, disk: amount },
    seal: 'takedown',
    named: `ack\0${id}`,
    at: takedown(`acks:${id}`, 'node'),
    write: ({ takedowns }) =>
      takedowns.acknowledge(id, { holder: 'node', host: 'host', worker: 0, at: 1, memory: amount, disk: amount }),
    read: async ({ takedowns }) => (await takedowns.acknowledged(id))[0],
  },
  {
    what: 'a holder of copies',
    value: holder,
    seal: 'takedown',
    named: 'holder',
    at: takedown('holders', 'node'),
    write: ({ takedowns }) => takedowns.present(holder),
    read: async ({ takedowns }) => (await takedowns.holders(2))[0],
  },
  {
    what: 'how a CDN was told',
    value: { sent: 0, messages: 1, attempts: 0, dueAt: 1, end: 'dead' },
    seal: 'takedown',
    named: `hook\0${id}`,
    at: takedown('hooks', id),
    write: ({ takedowns }) => takedowns.append(order, { sent: 0, messages: 1, attempts: 0, dueAt: 1, end: 'dead' }),
    read: ({ takedowns }) => takedowns.hookOf(id),
  },
];

const redis = redisOfFile();
let store: TestStore;
let keys: KeyLayout;
beforeEach(async () => {
  const prefix = newPrefix();
  keys = new KeyLayout(prefix);
  store = await openTestStore(redis.servers.url, prefix, PATIENT);
});
afterEach(() => store.close());

/** The value with each of its fields in turn, at any depth, replaced by what no field is. */
function* spoilt(value: unknown): Generator<unknown> {
  yield null;
  if (typeof value !== 'object' || value === null) {
    yield { '../../etc/passwd': 1 };
    return;
  }
  yield Array.isArray(value) ? { 0: value[0] } : [value];
  yield 'text';
  for (const [name, part] of Object.entries(value))
    for (const worse of spoilt(part)) {
      if (Array.isArray(value)) yield value.map((each: unknown, at) => (String(at) === name ? worse : each));
      else yield { ...value, [name]: worse };
    }
}

it.each(KINDS)(
  '$what that is none by any of its fields is none',
  async ({ value, seal, named, at, before = '', ...kind }) => {
    await kind.write(store);
    expect(await kind.read(store)).toEqual(value);
    const [key, field] = at(keys);
    const put = async (text: string) => {
      const sealed = before + new Seals().of(seal, `${named}\0${text}`) + text;
      await (field === undefined ? redis.client.set(key, sealed) : redis.client.hSet(key, field, sealed));
    };
    // The test's own seal is right: what was there comes back by it.
    await put(JSON.stringify(value));
    expect(await kind.read(store)).toEqual(value);
    let forged = 0;
    for (const worse of spoilt(value)) {
      await put(JSON.stringify(worse));
      expect(await kind.read(store), JSON.stringify(worse)).toBeUndefined();
      forged++;
    }
    expect(forged).toBeGreaterThan(10);
    await put('{"cut');
    expect(await kind.read(store)).toBeUndefined();
    await put(JSON.stringify(value));
    expect(await kind.read(store)).toEqual(value);
  },
);

it('a note of operators that is no JSON is none', async () => {
  await store.notes.write('name', { made: 1 });
  expect(await store.notes.read('name')).toEqual({ made: 1 });
  for (const text of ['', '{"cut', 'undefined']) {
    await redis.client.hSet(keys.workNotes, 'name', new Seals().of('note', `name\0${text}`) + text);
    expect(await store.notes.read('name')).toBeUndefined();
  }
});
