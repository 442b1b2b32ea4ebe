// Links open one thing for one verb until one moment; a ZIP is as long as it said, and breaks off where a file does; what a picture says of
// itself has one name each.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { embeddedFactsOf } from '../../../src/kernel/library/embedded-facts.js';
import { judgeLink, type LinkQuery, linkQuery } from '../../../src/kernel/library/signed-link.js';
import { distinctNames, zipOf } from '../../../src/library/zip-stream.js';

const KEYS = [
  { id: 'new', secret: 'the secret of the new key' },
  { id: 'old', secret: 'the secret of the old key' },
];
const PART = fc.stringMatching(/^[a-z0-9.-]{1,20}$/);

function queryOf(text: string): LinkQuery {
  const { expires = '', kid = '', signature = '' } = Object.fromEntries(new URLSearchParams(text));
  return { expires, kid, signature };
}

it('a link opens what it was signed for, by any key in use, until its time', () => {
  fc.assert(
    fc.property(fc.array(PART, { minLength: 1, maxLength: 5 }), fc.constantFrom(...KEYS), (parts, key) => {
      const query = queryOf(linkQuery({ kind: 'upload', parts, expires: 1_000 }, key));
      expect(judgeLink('upload', parts, query, KEYS, 999_999)).toBe('right');
      expect(judgeLink('upload', parts, query, KEYS, 1_000_000)).toBe('expired');
      expect(judgeLink('preview', parts, query, KEYS, 0)).toBe('wrong');
      expect(judgeLink('upload', [...parts, 'more'], query, KEYS, 0)).toBe('wrong');
      expect(judgeLink('upload', parts, { ...query, expires: '1001' }, KEYS, 0)).toBe('wrong');
      expect(
        judgeLink(
          'upload',
          parts,
          query,
          KEYS.filter(({ id }) => id !== key.id),
          0,
        ),
      ).toBe('wrong');
    }),
  );
});

const entry = (name: string, bytes: number, open: () => AsyncIterable<Uint8Array>) => ({
  ...{ name, bytes, modifiedAt: Date.UTC(2026, 0, 2) },
  open: async () => open(),
});
async function* zeros(bytes: number) {
  yield new Uint8Array(bytes);
}

it('a ZIP has the length that it tells before its first byte', async () => {
  const { bytes, pieces } = await zipOf([entry('a', 10, () => zeros(10)), entry('b', 70_000, () => zeros(70_000))]);
  let length = 0;
  for await (const piece of pieces) length += piece.length;
  expect(length).toBe(bytes);
});

it.each([
  ['cannot be opened', () => Promise.reject(new Error('gone'))],
  ['is shorter than it was', async () => zeros(9)],
  [
    'breaks in the middle',
    async () =>
      (async function* () {
        yield new Uint8Array(5);
        throw new Error('disk');
      })(),
  ],
])('a ZIP with a file that %s breaks off', async (_what, open) => {
  const { pieces } = await zipOf([{ name: 'a', bytes: 10, modifiedAt: 0, open }]);
  const reading = async () => {
    for await (const _ of pieces);
  };
  await expect(reading()).rejects.toThrow();
});

it('names in a ZIP are distinct', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a.jpg', 'A.jpg', 'a (2).jpg', 'b', '.x')), (names) => {
      const distinct = distinctNames(names);
      expect(new Set(distinct.map((name) => name.toLowerCase())).size).toBe(names.length);
    }),
  );
});

it('facts of a picture come from the standard that has them, in one form', () => {
  const facts = embeddedFactsOf({
    XMP: { title: 'A cat', DateCreated: '2020-01-01' },
    IPTC: { 'Object Name': 'other', 'By-line': 'Ada', City: 'Zürich' },
    Exif: { 'Date/Time Original': '2024:04:28 10:11:12', 'X Resolution': '118 dots per cm', 'Resolution Unit': 'cm' },
    Place: { latitude: '47.37', longitude: '500' },
  });
  expect(facts).toEqual({
    title: 'A cat',
    creator: 'Ada',
    city: 'Zürich',
    capturedAt: '2024-04-28T10:11:12.000Z',
    latitude: 47.37,
    ppi: 300,
  });
  expect(embeddedFactsOf({ Exif: { 'Date/Time Original': '0000:00:00 00:00:00' } })).toEqual({});
});
