// Types by first bytes: every enabled type as its encoder writes it, and a name for what people upload by mistake.
import { describe, expect, test } from 'vitest';
import { sniff } from '../../../src/convert/sniff.js';
import { animation, ENCODED, photo, slowSvg } from '../../support/images.js';

describe('what encoders write is recognised', () => {
  for (const [type, encode] of Object.entries(ENCODED)) {
    test(type, async () => {
      expect(sniff(await encode(await photo(32, 24)))?.type).toBe(type);
    });
  }

  test('an animated WebP is WebP', async () => {
    expect(sniff(await animation('webp', { widthPx: 8, heightPx: 8 }))?.type).toBe('webp');
  });
});

describe('SVG is recognised behind what may stand before it', () => {
  test.each([
    slowSvg(3).toString(),
    '<?xml version="1.0"?>\n<!-- a comment -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    '\ufeff  <svg width="1">',
    '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd">\n<svg>',
    '<!DOCTYPE svg [ <!ENTITY a "b"> ]><svg>',
    '<svg:svg xmlns:svg="http://www.w3.org/2000/svg">',
  ])('%j', (text) => {
    expect(sniff(Buffer.from(text))).toEqual({ type: 'svg', name: 'SVG' });
  });
});

describe('what is off by default is named, and what is none', () => {
  const box = (brand: string, compatible = ''): Buffer => {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(16 + compatible.length);
    return Buffer.concat([size, Buffer.from(`ftyp${brand}\0\0\0\0${compatible}`, 'latin1')]);
  };
  test.each([
    ['PDF', Buffer.from('%PDF-1.7\n')],
    ['ZIP', Buffer.from('PK\x03\x04rest of the archive', 'latin1')],
    ['PSD', Buffer.from('8BPS\0\x01', 'latin1')],
    ['JPEG 2000', Buffer.from('0000000c6a5020200d0a870a', 'hex')],
    ['JPEG XL', Buffer.from('0000000c4a584c200d0a870a', 'hex')],
    ['JPEG XL', Buffer.from('ff0afa1f', 'hex')],
    ['HEIC', box('heic', 'mif1heic')],
    ['HEIC', box('mif1', 'heic')],
    ['HEIF in its minimal form', box('mif3', 'heic')],
    ['MP4 media', box('isom', 'iso2mp41')],
    ['QuickTime', box('qt  ')],
    ['HTML', Buffer.from('<!DOCTYPE html><html>')],
    ['XML', Buffer.from('<?xml version="1.0"?><note/>')],
    ['text', Buffer.from('1,2,3\n4,5,6\n')],
    ['gzip', Buffer.from([0x1f, 0x8b, 8])],
    ['VIPS', Buffer.from('b6a6f208', 'hex')],
    ['RIFF media', Buffer.from('RIFF\0\0\0\0WAVE', 'latin1')],
  ])('%s', (name, bytes) => {
    expect(sniff(bytes)?.name).toBe(name);
  });

  test('mif1 with avif among its brands is AVIF', () => {
    expect(sniff(box('mif1', 'avifmiaf'))?.type).toBe('avif');
  });

  test('nothing, zeros and noise are nothing', () => {
    expect(sniff(Buffer.alloc(0))).toBeUndefined();
    expect(sniff(Buffer.alloc(100))).toBeUndefined();
    expect(sniff(Buffer.from('9c0187f3d2aa00ff11', 'hex'))).toBeUndefined();
  });
});
