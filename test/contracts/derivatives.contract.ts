// The contract of Derivatives: what was drawn is found by every client, is checked when it is read, and goes in the order of use.
import { writeFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { type Digest, digestOf } from '../../src/kernel/digest.js';
import {
  DERIVATIVE_ENTRY_BYTES,
  type Derivative,
  type Derivatives,
  type DrawnSource,
} from '../../src/kernel/ports/derivatives.js';
import { sourceInfo } from '../support/records.js';
import { type ContractCase, describeContract, type Open, type Whole } from './contract.js';

export interface DerivativesSubject {
  readonly derivatives: Derivatives;
  /** Another client of the same backend, as another process would have it. */
  readonly peer: Derivatives;
  /** A directory for files. */
  readonly dir: string;
  /** Lets time pass for both. */
  advance(ms: number): Promise<void>;
  /** Changes the stored bytes of a picture. */
  damage(digest: Digest): Promise<void>;
}

const named = (name: string): Digest => digestOf(Buffer.from(name));
const SOURCE = named('a source');
const MINUTES = 60_000;

async function put(
  { derivatives, dir }: DerivativesSubject,
  recipe: string,
  text = `picture ${recipe}`,
  source = SOURCE,
): Promise<Derivative> {
  const bytes = Buffer.from(text.padEnd(1_000));
  const path = `${dir}/${named(recipe + text)}`;
  await writeFile(path, bytes);
  const size = { widthPx: 30, heightPx: 20 };
  const picture: Whole<Derivative> = { type: 'jpg', ...size, bytes: bytes.length, digest: digestOf(bytes) };
  await derivatives.put(source, named(recipe), picture, path);
  return picture;
}

export const derivativesCases: readonly ContractCase<DerivativesSubject>[] = [
  {
    name: 'gives every client the picture of a recipe of a source, with its bytes, and none of another',
    run: async (subject) => {
      const picture = await put(subject, 'a');
      expect(await subject.peer.find(SOURCE, named('a'))).toEqual(picture);
      expect((await subject.peer.read(picture))?.toString().trim()).toBe('picture a');
      expect(await subject.peer.find(SOURCE, named('b'))).toBeUndefined();
      expect(await subject.peer.find(named('another'), named('a'))).toBeUndefined();
    },
  },
  {
    name: 'tells every client which source a tag was last given to, and forgets tags with everything else',
    run: async ({ derivatives, peer }) => {
      const [tag, other] = [named('a tag'), named('another source')];
      expect(await peer.tagged(tag)).toBeUndefined();
      await derivatives.noteTag(tag, SOURCE);
      expect(await peer.tagged(tag)).toBe(SOURCE);
      await peer.noteTag(tag, other);
      expect(await derivatives.tagged(tag)).toBe(other);
      expect(await derivatives.sourceOf(tag)).toBeUndefined();
      expect(await peer.usage()).toEqual({ entries: 1, bytes: DERIVATIVE_ENTRY_BYTES });
      await derivatives.evict(0);
      expect(await derivatives.tagged(tag)).toBeUndefined();
      expect((await derivatives.usage()).entries).toBe(0);
    },
  },
  {
    name: 'keeps what is known of a source, with no picture of it too',
    run: async ({ derivatives, peer }) => {
      const known: Whole<DrawnSource> = {
        info: sourceInfo({ widthPx: 17 }),
        metadata: { File: { 'File Size': '3' } },
        base: { type: 'jpg', widthPx: 30, heightPx: 20, bytes: 3, digest: named('a base') },
      };
      await derivatives.noteSource(SOURCE, known);
      expect(await peer.sourceOf(SOURCE)).toEqual(known);
      expect(await peer.sourceOf(named('another'))).toBeUndefined();
      expect((await peer.usage()).entries).toBe(1);
    },
  },
  {
    name: 'forgets all that is known and drawn of a source, and nothing of another',
    run: async (subject) => {
      const { derivatives, peer } = subject;
      const [other, shared] = [named('another source'), 'drawn of both'];
      const pictures = await Promise.all(['a', 'b'].map((recipe) => put(subject, recipe)));
      const both = [await put(subject, 'c', shared), await put(subject, 'c', shared, other)];
      await derivatives.noteSource(SOURCE, { info: sourceInfo(), metadata: {} });
      expect(await peer.forgetSource(SOURCE)).toBe(3);
      expect(await derivatives.sourceOf(SOURCE)).toBeUndefined();
      for (const recipe of ['a', 'b', 'c']) expect(await peer.find(SOURCE, named(recipe))).toBeUndefined();
      for (const picture of pictures) expect(await peer.read(picture)).toBeUndefined();
      expect(await derivatives.find(other, named('c'))).toEqual(both[1]);
      expect(both[1] && (await derivatives.read(both[1]))?.toString().trim()).toBe(shared);
      expect((await peer.usage()).entries).toBe(1);
      expect(await peer.forgetSource(SOURCE)).toBe(0);
    },
  },
  {
    name: 'replaces a picture, and counts it once',
    run: async (subject) => {
      await put(subject, 'a', 'the first');
      const second = await put(subject, 'a', 'the second');
      expect(await subject.peer.find(SOURCE, named('a'))).toEqual(second);
      expect((await subject.peer.read(second))?.toString().trim()).toBe('the second');
      expect(await subject.peer.usage()).toEqual({ entries: 1, bytes: 1_000 + DERIVATIVE_ENTRY_BYTES });
    },
  },
  {
    name: 'counts entries with what they cost beside their bytes',
    run: async (subject) => {
      for (const name of ['a', 'b', 'c']) await put(subject, name);
      expect(await subject.peer.usage()).toEqual({ entries: 3, bytes: 3 * (1_000 + DERIVATIVE_ENTRY_BYTES) });
    },
  },
  {
    name: 'never gives damaged bytes',
    run: async (subject) => {
      const picture = await put(subject, 'a');
      expect(await subject.derivatives.read(picture)).toBeDefined();
      await subject.damage(picture.digest);
      expect(await subject.peer.read(picture)).toBeUndefined();
      await put(subject, 'a');
      expect(await subject.peer.read(picture)).toBeDefined();
    },
  },
  {
    name: 'refuses bytes of another digest, and keeps nothing of them',
    run: async (subject) => {
      const path = `${subject.dir}/wrong`;
      await writeFile(path, 'other bytes');
      const picture = { type: 'png', widthPx: 1, heightPx: 1, bytes: 11, digest: named('not these') } as const;
      await expect(subject.derivatives.put(SOURCE, named('a'), picture, path)).rejects.toMatchObject({
        code: 'internal',
      });
      expect(await subject.peer.find(SOURCE, named('a'))).toBeUndefined();
      expect((await subject.peer.usage()).bytes).toBe(0);
      expect(await put(subject, 'a')).toEqual(await subject.peer.find(SOURCE, named('a')));
    },
  },
  {
    name: 'takes away what was used longest ago until the rest fits',
    run: async (subject) => {
      const { derivatives, peer, advance } = subject;
      const pictures = [];
      for (const name of ['a', 'b', 'c', 'd']) {
        pictures.push(await put(subject, name));
        await advance(2 * MINUTES);
      }
      await derivatives.find(SOURCE, named('a'));
      await advance(2 * MINUTES);
      // Uses are noted in the background, but not behind what the same client writes later.
      await put(subject, 'e');
      expect(await derivatives.evict(3 * (1_000 + DERIVATIVE_ENTRY_BYTES))).toBe(2);
      expect(await peer.find(SOURCE, named('a'))).toBeDefined();
      expect(await peer.find(SOURCE, named('b'))).toBeUndefined();
      expect(await peer.find(SOURCE, named('c'))).toBeUndefined();
      expect(await peer.find(SOURCE, named('d'))).toBeDefined();
      const [, gone] = pictures;
      expect(gone && (await peer.read(gone))).toBeUndefined();
      expect(await derivatives.evict(0)).toBe(3);
      expect(await peer.usage()).toEqual({ entries: 0, bytes: 0 });
    },
  },
  {
    name: 'keeps the bytes that two recipes share as long as one of them is there',
    run: async (subject) => {
      const picture = await put(subject, 'a', 'the same');
      await subject.advance(2 * MINUTES);
      await put(subject, 'b', 'the same');
      expect(await subject.derivatives.evict(1_000 + DERIVATIVE_ENTRY_BYTES)).toBe(1);
      expect(await subject.peer.find(SOURCE, named('a'))).toBeUndefined();
      expect(await subject.peer.find(SOURCE, named('b'))).toEqual(picture);
      expect(await subject.peer.read(picture)).toBeDefined();
    },
  },
  {
    name: 'keeps all of many that are put at once',
    run: async (subject) => {
      const names = Array.from({ length: 40 }, (_, n) => `r${n}`);
      await Promise.all(names.map((name) => put(subject, name)));
      expect(await subject.peer.usage()).toEqual({ entries: 40, bytes: 40 * (1_000 + DERIVATIVE_ENTRY_BYTES) });
      for (const name of names) expect(await subject.peer.find(SOURCE, named(name))).toBeDefined();
    },
  },
];

export function derivativesContract(name: string, open: Open<DerivativesSubject>): void {
  describeContract(`${name} keeps the derivatives contract`, derivativesCases, open);
}
