// The rules of takedowns: what a purge takes, which tombstone counts, what a receipt says, and what a CDN is told.
import { generateKeyPairSync, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Digest, digestOf, scopedDigest } from '../../../src/kernel/digest.js';
import { libraryContextOf } from '../../../src/kernel/image-key.js';
import { publicJwk, signedText, verifiedText } from '../../../src/kernel/takedown/jws.js';
import {
  type Acknowledgement,
  type CopyHolder,
  DISK_GONE_MS,
  type HookState,
  KEYS_PER_MESSAGE,
  messagesOf,
  NOTHING,
  type TakedownOrder,
} from '../../../src/kernel/takedown/order.js';
import { type PurgeSelection, parseSelection, rangeOf, takes } from '../../../src/kernel/takedown/purge.js';
import { receiptOf } from '../../../src/kernel/takedown/receipt.js';
import { KEY_OF_ALL, SurrogateKeySet, surrogateKeysOf } from '../../../src/kernel/takedown/surrogate-keys.js';
import {
  isInForce,
  parseReason,
  parseUntil,
  stricter,
  type Tombstone,
} from '../../../src/kernel/takedown/tombstone.js';
import { testOrder } from '../../contracts/takedowns.contract.js';
import { groupRef } from '../../support/records.js';

const name = fc.constantFrom('a', 'a/', 'a/1', 'ab', 'b');
const ref = fc.tuple(name, fc.constantFrom('', 'c', 'cc')).map(([key, context]) => groupRef(key, context));
const content: fc.Arbitrary<Digest> = fc.constantFrom('x', 'y').map((text) => digestOf(Buffer.from(text)));
const selection: fc.Arbitrary<PurgeSelection> = fc.oneof(
  fc
    .tuple(ref, fc.boolean())
    .map(([{ imageKey, context }, narrow]) => ({ by: 'key' as const, imageKey, ...(narrow && { context }) })),
  fc.tuple(ref, fc.boolean()).map(([{ imageKey, context }, narrow]) => ({
    by: 'prefix' as const,
    prefix: imageKey as string,
    ...(narrow && { context }),
  })),
  ref.map(({ context }) => ({ by: 'context' as const, context })),
  content.map((of) => ({ by: 'content' as const, content: of })),
);

describe('what a purge takes', () => {
  it('lies in the range that the store is asked for', () => {
    fc.assert(
      fc.property(selection, ref, content, (of, group, source) => {
        if (!takes(of, group, source)) return;
        const { context, imageKey, prefix = '' } = rangeOf(of);
        expect(context === undefined || context === group.context).toBe(true);
        expect(imageKey === undefined || imageKey === group.imageKey).toBe(true);
        expect(group.imageKey.startsWith(prefix)).toBe(true);
      }),
    );
  });

  it('is what its words say, of sources that contexts share and of those that each has for itself', () => {
    const [x, y] = ['x', 'y'].map((text) => digestOf(Buffer.from(text))) as [Digest, Digest];
    const group = groupRef('a/1', 'c');
    const of = (asked: Readonly<Record<string, unknown>>, source: Digest = x) =>
      takes(parseSelection(asked), group, source);
    expect([
      of({ key: 'a/1' }),
      of({ key: 'a/1', context: 'c' }),
      of({ key: 'a/1', context: '' }),
      of({ key: 'a' }),
    ]).toEqual([true, true, false, false]);
    expect([of({ prefix: 'a/' }), of({ prefix: 'a/', context: 'cc' }), of({ prefix: 'b' })]).toEqual([
      true,
      false,
      false,
    ]);
    expect([of({ context: 'c' }), of({ context: '' })]).toEqual([true, false]);
    expect([of({ content: x }), of({ content: x }, y), of({ content: x }, scopedDigest(group.context, x))]).toEqual([
      true,
      false,
      true,
    ]);
    expect(of({ content: x }, scopedDigest(groupRef('a', 'cc').context, x))).toBe(false);
  });

  it.each([
    {},
    { key: 'a', prefix: 'a' },
    { key: '' },
    { prefix: '' },
    { content: 'x' },
    { content: digestOf(Buffer.from('x')), context: 'c' },
    { key: 1 },
    { context: 7 },
    { key: 'a\u0000' },
    { key: 'a', content: digestOf(Buffer.from('x')) },
  ])('is refused where it is not told apart: %j', (asked) => {
    expect(() => parseSelection(asked)).toThrow(expect.objectContaining({ code: 'invalid-image-key' }));
  });
});

describe('tombstones', () => {
  const stone: fc.Arbitrary<Tombstone> = fc
    .record({
      since: fc.integer({ min: 0, max: 100 }),
      until: fc.option(fc.integer({ min: 0, max: 200 }), { nil: undefined }),
    })
    .map(({ since, until }) => ({
      content: digestOf(Buffer.from('x')),
      reason: 'r',
      since,
      ...(until !== undefined && { until }),
    }));

  it('of two the stricter stays: whatever one blocks from then on, it blocks', () => {
    fc.assert(
      fc.property(stone, stone, fc.integer({ min: 0, max: 300 }), (before, next, later) => {
        const now = Math.max(later, next.since);
        const kept = stricter(before, next);
        const isBlocked = isInForce(next, now) || (isInForce(before, next.since) && isInForce(before, now));
        expect(isInForce(kept, now)).toBe(isBlocked);
      }),
    );
  });

  it('have a reason, and an end in the future or none', () => {
    expect(parseReason('  why ')).toBe('why');
    for (const bad of ['', '  ', 'x'.repeat(501), 7, undefined]) expect(() => parseReason(bad)).toThrow(/reason/);
    expect([parseUntil(undefined, 0), parseUntil(null, 0)]).toEqual([undefined, undefined]);
    expect(parseUntil('2030-01-01T00:00:00Z', 0)).toBe(Date.UTC(2030, 0, 1));
    for (const bad of ['2030-01-01T00:00:00Z', 'soon', 5, '1'])
      expect(() => parseUntil(bad, Date.UTC(2031, 0, 1))).toThrow(/future/);
  });
});

describe('surrogate keys', () => {
  it('that are purged are on the answers of every group that was taken', () => {
    fc.assert(
      fc.property(
        selection,
        fc.array(fc.tuple(ref, content), { maxLength: 8 }),
        fc.integer({ min: 1, max: 6 }),
        fc.boolean(),
        (of, groups, most, isBlocked) => {
          const keys = new SurrogateKeySet(of, most);
          const taken = groups.filter(([group, source]) => takes(of, group, source)).map(([group]) => group);
          for (const [group, source] of groups.filter(([group, source]) => takes(of, group, source))) {
            keys.add(group);
            if (isBlocked) keys.addContent(source);
          }
          for (const group of taken)
            expect(surrogateKeysOf({ group }).some((key) => keys.keys.includes(key))).toBe(true);
          // Whatever else shows a content that is blocked.
          for (const [group, content] of isBlocked ? groups : [])
            if (takes(of, group, content))
              expect(surrogateKeysOf({ content }).some((key) => keys.keys.includes(key))).toBe(true);
          expect(keys.keys.length).toBeLessThanOrEqual(most);
        },
      ),
    );
  });

  it('name a key in all contexts, a context and a content whether anything of them is there or not', () => {
    const group = groupRef('photo', 'tenant');
    const keysOf = (of: PurgeSelection) => new SurrogateKeySet(of, 10).keys;
    const { context, imageKey } = group;
    const [ofGroup, ofImageKey, ofContext] = surrogateKeysOf({ group });
    expect(keysOf({ by: 'key', imageKey })).toEqual([ofImageKey]);
    expect(keysOf({ by: 'key', imageKey, context })).toEqual([ofGroup]);
    expect(keysOf({ by: 'context', context })).toEqual([ofContext]);
    // Where it is there, by its own as well: answers of before there was a key of the image key have no other.
    const found = new SurrogateKeySet({ by: 'key', imageKey }, 10);
    found.add(group);
    expect(found.keys).toEqual([ofImageKey, ofGroup]);
    expect(surrogateKeysOf({ group: groupRef('photo', 'another') })).toContain(ofImageKey);
  });

  it('tell groups and contexts apart, and say neither', () => {
    const keys = surrogateKeysOf({ group: groupRef('photo', 'tenant'), content: 'ab'.repeat(32) as Digest });
    expect(keys).toEqual([
      expect.stringMatching(/^g-[0-9a-f]{16}$/),
      expect.stringMatching(/^k-[0-9a-f]{16}$/),
      expect.stringMatching(/^c-[0-9a-f]{16}$/),
      expect.stringMatching(/^s-[0-9a-f]{16}$/),
      KEY_OF_ALL,
    ]);
    expect(surrogateKeysOf({ group: groupRef('tenant', 'photo') })[0]).not.toBe(keys[0]);
  });

  it('are told in messages of at most 256, each key once and in order', () => {
    const surrogateKeys = Array.from({ length: 2 * KEYS_PER_MESSAGE + 1 }, (_, at) => `g-${at}`);
    const messages = messagesOf(testOrder('a', { surrogateKeys }));
    expect(messages.map(({ id }) => id.slice(-2))).toEqual(['_1', '_2', '_3']);
    const parts = messages.map(({ body }) => JSON.parse(body) as { data: { surrogateKeys: string[]; parts: number } });
    expect(parts.flatMap(({ data }) => data.surrogateKeys)).toEqual(surrogateKeys);
    expect(Math.max(...parts.map(({ data }) => data.surrogateKeys.length))).toBe(KEYS_PER_MESSAGE);
    expect(messagesOf(testOrder('a', { surrogateKeys: [] }))).toEqual([]);
  });
});

describe('a receipt', () => {
  const NOW = DISK_GONE_MS * 2;
  const holder = (id: string, more: Partial<CopyHolder> = {}): CopyHolder => ({
    ...{ id, host: id, worker: 0, keepsDisk: true, followed: 0, seenAt: NOW - 5, ...more },
  });
  const ack = (id: string): Acknowledgement => ({
    holder: id,
    host: id,
    worker: 0,
    at: 7,
    memory: NOTHING,
    disk: { blobs: 1, bytes: 9 },
  });
  const of = (
    acks: readonly Acknowledgement[],
    holders: readonly CopyHolder[],
    hook?: HookState,
    order: TakedownOrder = testOrder('a'),
  ) => receiptOf(order, 5, acks, holders, hook, NOW);
  const states = ({ nodes }: ReturnType<typeof of>) => nodes.map(({ host, state }) => `${host} ${state}`);

  it('names who has dropped what and who is away, and is complete once nobody is', () => {
    const half = of([ack('x')], [holder('x'), holder('y')]);
    expect([states(half), half.isComplete]).toEqual([['x dropped', 'y away'], false]);
    const whole = of([ack('x'), ack('y')], [holder('x'), holder('y')]);
    expect([states(whole), whole.isComplete]).toEqual([['x dropped', 'y dropped'], true]);
    expect(whole.nodes[0]).toMatchObject({ disk: { blobs: 1, bytes: 9 }, at: new Date(7).toISOString() });
  });

  it('names groups by the context that a client knows, and says which of them are the library’s', () => {
    const [uploaded, ofAsset] = [groupRef('a', 'news'), groupRef('b', 'news')].map((group) => ({
      ...group,
      content: digestOf(Buffer.from('x')),
    })) as [TakedownOrder['named'][number], TakedownOrder['named'][number]];
    const inner = { ...ofAsset, context: libraryContextOf(ofAsset.context) };
    const { groups } = of([], [], undefined, testOrder('a', { groups: 2, named: [uploaded, inner] }));
    expect(groups.named).toEqual([
      { ...uploaded, isOfLibrary: false },
      { ...ofAsset, isOfLibrary: true },
    ]);
  });

  it('waits for nobody who came later, has followed by more, or cannot hold anything any more', () => {
    expect(
      of(
        [],
        [
          holder('later', { followed: 5 }),
          holder('gone', { keepsDisk: false, seenAt: NOW - 60_000 }),
          holder('old', { seenAt: NOW - DISK_GONE_MS }),
        ],
      ),
    ).toMatchObject({ nodes: [], isComplete: true });
  });

  it('is not complete while the CDN is to be told, or could not be', () => {
    const hook = { sent: 0, messages: 1, attempts: 0, dueAt: 0 };
    expect(of([], []).cdn.state).toBe('none');
    expect(of([], [], hook)).toMatchObject({ cdn: { state: 'queued' }, isComplete: false });
    expect(of([], [], { ...hook, sent: 1, end: 'delivered' })).toMatchObject({
      cdn: { state: 'delivered', sent: 1 },
      isComplete: true,
    });
    expect(of([], [], { ...hook, end: 'dead' })).toMatchObject({ cdn: { state: 'dead' }, isComplete: false });
  });
});

describe('signed texts', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');

  it('are JSON Web Signatures by Ed25519, which any verifier takes', () => {
    const jws = signedText('kind+json', '{"a":"ä"}', privateKey);
    const [head = '', body = '', signature = ''] = jws.split('.');
    expect(JSON.parse(Buffer.from(head, 'base64url').toString())).toEqual({
      alg: 'EdDSA',
      typ: 'kind+json',
      kid: publicJwk(publicKey).kid,
    });
    expect(verify(null, Buffer.from(`${head}.${body}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(verifiedText('kind+json', jws, publicKey)).toBe('{"a":"ä"}');
  });

  it('have the thumbprint of RFC 8037, A.3, as their id', () => {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
    return import('node:crypto').then(({ createPublicKey }) =>
      expect(publicJwk(createPublicKey({ key: jwk, format: 'jwk' })).kid).toBe(
        'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
      ),
    );
  });

  it('are not taken once anything is changed, for another kind, or by another key', () => {
    const jws = signedText('kind', 'text', privateKey);
    expect(verifiedText('other', jws, publicKey)).toBeUndefined();
    expect(verifiedText('kind', jws, generateKeyPairSync('ed25519').publicKey)).toBeUndefined();
    fc.assert(
      fc.property(fc.nat(jws.length - 2), fc.constantFrom('A', 'b', '.', '-'), (at, by) => {
        if (jws[at] === by) return;
        const changed = jws.slice(0, at) + by + jws.slice(at + 1);
        // The last digits of a base64 text may say the same in two ways.
        expect([undefined, 'text']).toContain(verifiedText('kind', changed, publicKey));
        if (at < jws.lastIndexOf('.')) expect(verifiedText('kind', changed, publicKey)).toBeUndefined();
      }),
    );
    for (const none of ['', 'a', 'a.b', 'a.b.c.d', `${jws}.x`, 'e30.e30.e30'])
      expect(verifiedText('kind', none, publicKey)).toBeUndefined();
  });
});
