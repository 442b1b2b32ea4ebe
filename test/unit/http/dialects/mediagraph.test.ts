// The pure parts of Mediagraph's dialect: names that are written another way and found again, who asks, what is asked, and sizes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { credentialsOf } from '../../../../src/http/dialects/mediagraph/access.js';
import {
  guidOf,
  isGuidOf,
  parseGuid,
  parseSessionName,
  sessionGuidOf,
} from '../../../../src/http/dialects/mediagraph/ids.js';
import { Params } from '../../../../src/http/dialects/mediagraph/params.js';
import { parseSize } from '../../../../src/http/dialects/mediagraph/renditions.js';
import { type AssetId, newAssetId } from '../../../../src/kernel/library/ids.js';

const ASSETS = fc.record({
  id: fc
    .array(fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789'), { minLength: 13, maxLength: 13 })
    .map((characters) => characters.join('') as AssetId),
  number: fc.oneof(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 2 ** 46 - 1 })),
});

describe('the GUID of an asset', () => {
  it('is a UUID of version 4 that says the number', () => {
    fc.assert(
      fc.property(ASSETS, (asset) => {
        const guid = guidOf(asset);
        expect(guid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        for (const text of [guid, guid.toUpperCase()]) {
          expect(parseGuid(text)).toBe(asset.number);
          expect(isGuidOf(text, asset)).toBe(true);
        }
      }),
    );
  });

  it('is of no other asset, nor of this one once a digit of it is another', () => {
    fc.assert(
      fc.property(ASSETS, ASSETS, fc.nat({ max: 35 }), (asset, { id }, at) => {
        const guid = guidOf(asset);
        const other = `${guid.slice(0, at)}${guid[at] === '0' ? '1' : '0'}${guid.slice(at + 1)}`;
        expect(isGuidOf(other, asset)).toBe(false);
        fc.pre(id !== asset.id);
        expect(isGuidOf(guid, { ...asset, id })).toBe(false);
      }),
    );
  });

  it('does not tell the id, which opens the original at other faces', () => {
    fc.assert(
      fc.property(ASSETS, (asset) => {
        const hex = BigInt(`0x${guidOf(asset).replaceAll('-', '')}`)
          .toString(2)
          .padStart(128, '0');
        const value = BigInt(`0b${hex.slice(0, 48)}${hex.slice(52, 64)}${hex.slice(66)}`);
        const ids = Array.from({ length: 122 }, (_, shift) =>
          ((value >> BigInt(shift)) % 36n ** 13n).toString(36).padStart(13, '0'),
        );
        expect(ids).not.toContain(asset.id);
      }),
    );
  });

  it('is asked for by texts that are none', () => {
    const guid = guidOf({ id: newAssetId(), number: 7 });
    for (const text of ['', 'x', newAssetId(), '00000000-0000-1000-8000-000000000000', `${guid}0`])
      expect(parseGuid(text)).toBeUndefined();
  });
});

it('a session is found by the 8 digits of its number', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 32 - 1 }), (number) => {
      expect(sessionGuidOf(number)).toMatch(/^[0-9a-f]{8}$/);
      expect(parseSessionName(sessionGuidOf(number))).toBe(number);
    }),
  );
});

it('who asks is read from what clients send, and from nothing else', () => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  const of = (authorization: string) => credentialsOf({ authorization });
  expect([of(basic(':secret')), of('Bearer secret'), of('Bearer: secret'), of('bearer secret')]).toEqual(
    Array.from({ length: 4 }, () => expect.stringMatching(/^Bearer secret$/)),
  );
  for (const none of [basic('secret'), basic('me:secret'), basic(':'), 'Bearer', 'Bearer:', 'Digest x', ''])
    expect(of(none)).toBeUndefined();
  expect(credentialsOf({})).toBeUndefined();
});

it('parameters are read from whatever comes', () => {
  fc.assert(
    fc.property(fc.string(), fc.jsonValue(), (query, body) => {
      const params = new Params(`/x?${query}`, body);
      expect(params.whole('page', 1, 1, 100)).toBeGreaterThanOrEqual(1);
      expect(typeof params.flag('all_ids')).toBe('boolean');
    }),
  );
});

it('parameters stand in the query as lists of both kinds, and in bodies', () => {
  const params = new Params('/x?ids[]=1&ids[]=2&exts=jpg,%20png&flag=1&page=0', { ids: [3], q: 'cat' });
  expect(params.list('ids')).toEqual(['1', '2', '3']);
  expect([params.list('exts'), params.flag('flag'), params.text('q'), params.whole('page', 1, 1, 9)]).toEqual([
    ['jpg', 'png'],
    true,
    'cat',
    1,
  ]);
});

it('sizes have two names where clients use two, and a mark', () => {
  expect(parseSize('medium')).toEqual(parseSize('permalink'));
  expect(parseSize('small-watermark')).toEqual({ size: 'small', watermarked: true });
  for (const none of ['', 'huge', 'original-watermark', 'crop-preset-1', 'small-'])
    expect(parseSize(none)).toBeUndefined();
});
