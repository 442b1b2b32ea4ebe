// Records and keys as they stand in Redis: what was written is read, and nothing else is.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ErrorName } from '../../../src/kernel/errors.js';
import { BlobFiles } from '../../../src/stores/embedded/blob-files.js';
import {
  digestShard,
  groupName,
  groupOfName,
  groupShard,
  KeyLayout,
  SHARDS,
} from '../../../src/stores/redis/key-layout.js';
import {
  decodeGroup,
  decodeSource,
  encodeGroup,
  encodeSource,
  newToken,
  sourceParts,
} from '../../../src/stores/redis/record-codec.js';
import { decodeRefusal, sealedRefusal } from '../../../src/stores/redis/refusal-entry.js';
import { Seals } from '../../../src/stores/redis/seals.js';
import { blobOf, groupRef, testSource } from '../../support/records.js';

describe('record codec', () => {
  const seals = new Seals();
  const ref = groupRef('key', 'tenant');
  const group = {
    token: newToken(),
    sourceDigest: blobOf('s').digest,
    createdAt: 1_700_000_000_000,
    fileName: 'Ferien "😀".jpg',
  };
  const { record } = testSource('a');

  it('reads what it wrote', () => {
    expect(decodeGroup(seals, ref, encodeGroup(seals, ref, group))).toEqual(group);
    const { fileName: _, ...unnamed } = group;
    expect(decodeGroup(seals, ref, encodeGroup(seals, ref, unnamed))).toEqual(unnamed);
    for (const sourceKept of [true, false]) {
      const stored = { token: newToken(), record: { ...record, sourceKept } };
      expect(decodeSource(seals, record.digest, encodeSource(stored.token, sourceParts(seals, stored.record)))).toEqual(
        stored,
      );
    }
  });

  it('reads nothing from a record with any one character changed, cut off or added', () => {
    const groupText = encodeGroup(seals, ref, group);
    const sourceText = encodeSource(newToken(), sourceParts(seals, record));
    fc.assert(
      fc.property(fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (n, character) => {
        const damage = (text: string) => {
          const at = n % text.length;
          fc.pre(text[at] !== character);
          return [text.slice(0, at) + character + text.slice(at + 1), text.slice(0, at), `${text}${character}`];
        };
        for (const text of damage(groupText)) expect(decodeGroup(seals, ref, text)).toBeUndefined();
        // A source's token, its complete flag and its sequence stand outside of the checksum; the last two also within.
        for (const text of damage(sourceText)) {
          const read = decodeSource(seals, record.digest, text);
          if (read !== undefined) expect({ ...read.record, sourceKept: true }).toEqual(record);
        }
      }),
    );
  });

  it('reads nothing that somebody else made with a right checksum, if a blob in it is not named by a digest', () => {
    const [first] = record.previews;
    if (first === undefined) throw new Error('expected a preview');
    const evil = '../../../etc/passwd' as typeof first.digest;
    const forged = [
      { ...record, previews: [{ ...first, digest: evil }] },
      { ...record, previews: [{ ...first, digest: `${first.digest}/` as typeof first.digest }] },
      { ...record, contentDigest: evil },
      { ...record, previews: [{ ...first, formats: ['x\r\nSet-Cookie: a=b'] }] },
      { ...record, previews: [{ ...first, formats: [] }] },
      { ...record, previews: [{ ...first, type: 'html' as typeof first.type }] },
      { ...record, previews: [{ ...first, bytes: -1 }] },
      { ...record, previews: null as unknown as typeof record.previews },
    ];
    for (const one of forged)
      expect(decodeSource(seals, record.digest, encodeSource(newToken(), sourceParts(seals, one)))).toBeUndefined();
    const { head } = sourceParts(seals, record);
    for (const body of ['null', '1', '[]', '{}', 'x']) {
      const sum = createHash('sha256').update(body).digest('hex').slice(0, 32);
      expect(
        decodeSource(seals, record.digest, encodeSource(newToken(), { head: { ...head, sum }, body })),
      ).toBeUndefined();
    }
    expect(() => new BlobFiles('/nowhere').pathOf(evil)).toThrow(/64 hex/);
  });

  it('reads nothing that has a right checksum and one field of another kind', () => {
    const { sourceKept: _, ...whole } = record;
    const text = encodeSource(newToken(), sourceParts(seals, record));
    const tried: string[] = [];
    const accepted: string[] = [];
    const replaceAll = (value: unknown, path: string, rebuild: (value: unknown) => unknown): void => {
      for (const other of [undefined, null, -1.5, {}, [0], 'x', true]) {
        // A text, a flag or a number instead of another one may be right.
        if (other !== null && typeof other === typeof value && !(Array.isArray(value) || Array.isArray(other)))
          continue;
        const body = JSON.stringify(rebuild(other));
        const what = `${path} ${JSON.stringify(other)}`;
        tried.push(what);
        const forged = text.slice(0, 30) + seals.of('source', body) + body;
        if (decodeSource(seals, record.digest, forged) !== undefined) accepted.push(what);
      }
      if (typeof value !== 'object' || value === null) return;
      for (const [name, inner] of Object.entries(value))
        replaceAll(inner, `${path}.${name}`, (other) =>
          rebuild(Array.isArray(value) ? value.with(Number(name), other) : { ...value, [name]: other }),
        );
    };
    replaceAll(whole, '', (other) => other ?? null);
    expect(tried.length).toBeGreaterThan(200);
    expect(accepted).toEqual([
      '.info.delaysMs [0]',
      ...accepted.filter((what) => /^\.metadata\..+ undefined$/.test(what)),
    ]);
  });

  it('reads nothing of a group that has a right checksum and other facts than a group', () => {
    const head = group.token + group.sourceDigest;
    const textOf = (body: string) => head + seals.of('group', `${groupName(ref)}\0${head}\0${body}`) + body;
    expect(decodeGroup(seals, ref, textOf('[1,"a"]'))).toMatchObject({ createdAt: 1, fileName: 'a' });
    const bodies = [
      '',
      'x',
      'null',
      '{}',
      '[]',
      '["1"]',
      '[-1]',
      '[1e300]',
      '[1,2]',
      '[1,null]',
      '[1,"a",1]',
      '[1,""]',
    ];
    for (const body of [...bodies, '[1,"../a"]', '[1,"a\\r\\nX: y"]', `[1,"${'a'.repeat(600)}"]`])
      expect([body, decodeGroup(seals, ref, textOf(body))]).toEqual([body, undefined]);
  });

  it('reads nothing of a refusal that has a right checksum and a name that no failure has', () => {
    const source = blobOf('s').digest;
    const entry = (code: string, strikes = '1', ends = '5') => {
      const failure = { code: code as ErrorName, message: 'no' };
      return ['rules', seals.of('refusal', sealedRefusal(source, 'rules', failure)), code, 'no', strikes, '1', ends];
    };
    const read = (reply: unknown) => decodeRefusal(seals, source, 'rules', reply);
    expect(read(entry('source-undecodable'))).toMatchObject({ code: 'source-undecodable', strikes: 1, until: 5 });
    for (const reply of [
      entry('__proto__'),
      entry('toString'),
      entry('x'),
      entry('internal', '0'),
      entry('internal', '1', 'x'),
    ])
      expect(read(reply)).toBeUndefined();
  });

  it('with keys reads what any of them sealed, and nothing else', () => {
    const [old, next, none] = ['old '.repeat(5), 'next '.repeat(5), undefined].map((secret) => ({ secret }));
    if (!old || !next || !none) throw new Error('expected keys');
    const by = {
      old: new Seals([old]),
      next: new Seals([next]),
      both: new Seals([next, old]),
      none: new Seals([none]),
    };
    const reads = (written: Seals, read: Seals) => {
      const text = encodeGroup(written, ref, group);
      const sealed = encodeSource(newToken(), sourceParts(written, record));
      const both = [decodeGroup(read, ref, text), decodeSource(read, record.digest, sealed)];
      expect(new Set(both.map((found) => found !== undefined)).size).toBe(1);
      return both[0] !== undefined;
    };
    expect([reads(by.old, by.both), reads(by.next, by.both), reads(by.both, by.next)]).toEqual([true, true, true]);
    expect([reads(by.both, by.old), reads(by.none, by.both), reads(by.next, by.none)]).toEqual([false, false, false]);
    expect([reads(by.none, seals), reads(seals, new Seals([next, none]))]).toEqual([true, true]);
    // A seal over one kind is none over another.
    expect(by.old.of('group', 'x')).not.toBe(by.old.of('source', 'x'));
  });

  it('does not take one record for another', () => {
    expect(decodeGroup(seals, groupRef('key', 'tenant 2'), encodeGroup(seals, ref, group))).toBeUndefined();
    expect(
      decodeSource(seals, blobOf('b').digest, encodeSource(newToken(), sourceParts(seals, record))),
    ).toBeUndefined();
    for (const garbage of ['', '{}', 'x'.repeat(1_000), '\u0000\ufffd']) {
      expect(decodeGroup(seals, ref, garbage)).toBeUndefined();
      expect(decodeSource(seals, record.digest, garbage)).toBeUndefined();
    }
  });
});

describe('key layout', () => {
  const keys = new KeyLayout('test');
  const tagOf = (key: string) => /\{([^}]*)\}/.exec(key)?.[1];

  it('puts what one script touches under one hash tag', () => {
    for (const name of ['a', '}{', '{x}', '{}']) {
      const ref = groupRef(name, `${name}{y}`);
      const shard = groupShard(ref.imageKey);
      const tags = [keys.group(ref), keys.index(shard), keys.access(shard)].map(tagOf);
      expect(new Set(tags).size).toBe(1);
      expect(tags[0]).toMatch(/^g[0-9a-f]{2}$/);
      const { digest } = blobOf(name);
      const of = digestShard(digest);
      const all = [
        keys.source(digest),
        keys.refs(digest),
        keys.blob(digest),
        keys.owners(digest),
        keys.used(of),
        keys.evictable(of),
        keys.unfinished(of),
        keys.totals(of),
        keys.orphans(of),
      ];
      expect(new Set(all.map(tagOf)).size).toBe(1);
      expect(tagOf(keys.blob(digest))).toMatch(/^d[0-9a-f]{2}$/);
    }
  });

  it('spreads keys evenly over all shards', () => {
    const counts = new Array<number>(SHARDS).fill(0);
    const total = 100_000;
    for (let n = 0; n < total; n++) {
      const shard = groupShard(blobOf(`${n}`).digest as string as ReturnType<typeof groupRef>['imageKey']);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    // 1,562 on average with a standard deviation of 39: five of them to either side.
    expect(Math.min(...counts)).toBeGreaterThan(1_367);
    expect(Math.max(...counts)).toBeLessThan(1_758);
  });

  it('knows what a tracked key stands for', () => {
    const ref = groupRef('a:{b}', 'c:d');
    expect(keys.tracked(keys.group(ref))).toEqual({ kind: 'group', name: groupName(ref) });
    expect(groupOfName(groupName(ref))).toEqual(ref);
    const { digest } = blobOf('x');
    expect(keys.tracked(keys.source(digest))).toEqual({ kind: 'source', name: digest });
    expect(keys.tracked(keys.lease('work: {1}'))).toEqual({ kind: 'lease', name: 'work: {1}' });
    expect(keys.tracked(keys.blob(digest))).toBeUndefined();
    expect(keys.tracked('other:g:{g00}:x')).toBeUndefined();
    for (const tracked of [keys.group(ref), keys.source(digest), keys.lease('l')])
      expect(keys.trackedPrefixes.some((prefix) => tracked.startsWith(prefix))).toBe(true);
    expect(keys.trackedPrefixes.some((prefix) => keys.blob(digest).startsWith(prefix))).toBe(false);
  });

  it('takes only prefixes that cannot be mistaken for a hash tag', () => {
    expect(new KeyLayout('a').prefix).toBe('a:');
    expect(new KeyLayout('a:').prefix).toBe('a:');
    for (const bad of ['', '{a}', 'a b', 'x'.repeat(65), 'ä']) expect(() => new KeyLayout(bad)).toThrow(RangeError);
  });
});
