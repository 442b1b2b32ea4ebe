// The pure parts of Mediagraph's dialect: names that are written another way and found again, who asks, what is asked, and sizes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { credentialsOf } from '../../../../src/http/dialects/mediagraph/access.js';
import { guidOf, parseGuid, parseSessionName, sessionGuidOf } from '../../../../src/http/dialects/mediagraph/ids.js';
import { Params } from '../../../../src/http/dialects/mediagraph/params.js';
import { parseSize } from '../../../../src/http/dialects/mediagraph/renditions.js';
import { type AssetId, newAssetId } from '../../../../src/kernel/library/ids.js';

const ASSET_IDS = fc
  .array(fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789'), { minLength: 13, maxLength: 13 })
  .map((characters) => characters.join('') as AssetId);

describe('the GUID of an asset', () => {
  it('is a UUID of version 4, and its id is found again', () => {
    fc.assert(
      fc.property(ASSET_IDS, (id) => {
        expect(guidOf(id)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(parseGuid(guidOf(id))).toBe(id);
        expect(parseGuid(guidOf(id).toUpperCase())).toBe(id);
      }),
    );
  });

  it('is no asset once a digit of it is another', () => {
    fc.assert(
      fc.property(ASSET_IDS, fc.nat({ max: 35 }), (id, at) => {
        const guid = guidOf(id);
        const other = `${guid.slice(0, at)}${guid[at] === '0' ? '1' : '0'}${guid.slice(at + 1)}`;
        expect(parseGuid(other)).toBeUndefined();
      }),
    );
  });

  it('is asked for by texts that are none', () => {
    for (const text of ['', 'x', newAssetId(), '00000000-0000-4000-8000-000000000000', `${guidOf(newAssetId())}0`])
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
