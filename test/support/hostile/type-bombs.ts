// What only files of one type can do to a reader: claims of its own headers, parts that lead to themselves, and few bytes that stand for many.
import { brotliCompressSync, deflateSync } from 'node:zlib';
import type { SourceType } from '../../../src/kernel/source.js';
import { bmpOf, icoOf } from '../sources/bitmaps.js';
import { pdfOf, quartersPage } from '../sources/pdfs.js';
import { epubOf, openDocument, zipOf } from '../sources/zips.js';
import { pngOf } from './png.js';
import { entityBomb, filterBomb, nested, svg, useBomb } from './svg.js';
import { type Directory, tiffOf } from './tiff.js';

const MIB = 1024 * 1024;

/** `bytes` with a number written over what is there; lengths of 4 from the front of the file in the order of the type. */
function told(bytes: Buffer, order: 'BE' | 'LE', ...at: readonly (readonly [offset: number, value: number])[]): Buffer {
  const out = Buffer.from(bytes);
  for (const [offset, value] of at) {
    if (order === 'BE') out.writeUInt32BE(value >>> 0, offset);
    else out.writeUInt32LE(value >>> 0, offset);
  }
  return out;
}

/** A box (ISO/IEC 14496-12), of a length of its own or of one that is only said. */
export function box(type: string, body: Buffer, length = 8 + body.length): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(length >>> 0, 0);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
}

const boxesIn = (depth: number, type: string, head: Buffer): Buffer => {
  // From the inside out would copy every level: all headers one after the other are the same bytes.
  const each = 8 + head.length;
  return Buffer.concat(Array.from({ length: depth }, (_, level) => box(type, head, (depth - level) * each)));
};

function bmps(): Buffer[] {
  const small = bmpOf(8, 8);
  const runs = bmpOf(8, 8, { bits: 8, rle: true });
  const pixelsAt = runs.readUInt32LE(10);
  return [
    told(small, 'LE', [18, 65_535], [22, 65_535]),
    told(small, 'LE', [18, 0x7fffffff], [22, 1]),
    told(small, 'LE', [22, 0x80000000]),
    told(small, 'LE', [10, 0]),
    told(small, 'LE', [46, 0xffffffff]),
    told(small, 'LE', [30, 4]),
    Buffer.concat([runs.subarray(0, pixelsAt), Buffer.alloc(400_000, Buffer.from('0002ffff', 'hex'))]),
    Buffer.concat([told(runs, 'LE', [18, 20_000], [22, 13_000]).subarray(0, pixelsAt), Buffer.from([0, 1])]),
  ];
}

function icons(): Buffer[] {
  const one = icoOf([{ side: 16, bits: 8 }]);
  const entry = one.subarray(6, 22);
  const many = Buffer.concat([one.subarray(0, 6), Buffer.alloc(16 * 65_535, entry)]);
  many.writeUInt16LE(65_535, 4);
  return [
    many,
    told(one, 'LE', [18, 0]),
    told(one, 'LE', [18, 6]),
    told(one, 'LE', [14, 0xffffffff]),
    told(one, 'LE', [22, 0xffffffff]),
    icoOf([{ png: pngOf({ widthPx: 60_000, heightPx: 60_000, rows: 1 }) }]),
    icoOf([{ png: one }]),
  ];
}

function photoshops(seed: Buffer): Buffer[] {
  const endless = Buffer.concat([seed.subarray(0, 30), Buffer.from('00400000', 'hex'), Buffer.alloc(0x400000, '8BIM')]);
  return [
    told(seed, 'BE', [14, 300_000], [18, 300_000]),
    told(seed, 'BE', [14, 30_000], [18, 30_000]),
    told(seed, 'BE', [26, 0xffffffff]),
    told(seed, 'BE', [30, 0xfffffffe]),
    Buffer.concat([seed.subarray(0, 12), Buffer.from('0038', 'hex'), seed.subarray(14)]),
    endless,
  ];
}

function heics(seed: Buffer): Buffer[] {
  const ispe = seed.indexOf('ispe', 0, 'latin1');
  const iloc = seed.indexOf('iloc', 0, 'latin1');
  const meta = seed.indexOf('meta', 0, 'latin1');
  const ftyp = seed.subarray(0, seed.readUInt32BE(0));
  return [
    told(seed, 'BE', [ispe + 8, 0x7fffffff], [ispe + 12, 0x7fffffff]),
    told(seed, 'BE', [ispe + 8, 20_000], [ispe + 12, 13_000]),
    told(seed, 'BE', [iloc + 8, 0xffffffff]),
    told(seed, 'BE', [meta - 4, 0]),
    told(seed, 'BE', [meta - 4, 1]),
    told(seed, 'BE', [meta - 4, 8]),
    Buffer.concat([ftyp, boxesIn(20_000, 'meta', Buffer.alloc(4))]),
    Buffer.concat([ftyp, Buffer.alloc(800_000, box('free', Buffer.alloc(0)))]),
    Buffer.concat([ftyp, Buffer.alloc(800_000, box('meta', Buffer.alloc(4)))]),
  ];
}

function jpegXls(): Buffer[] {
  const head = Buffer.concat([
    Buffer.from('0000000c4a584c200d0a870a', 'hex'),
    box('ftyp', Buffer.from('jxl \0\0\0\0jxl ', 'latin1')),
  ]);
  // Two of the sizes that a header can tell: of thirty bits each.
  const huge = Buffer.from('ff0affffffffffffffffffffffffffffffffffffff', 'hex');
  return [
    huge,
    Buffer.concat([head, box('jxlc', huge)]),
    Buffer.concat([head, Buffer.alloc(800_000, box('jxlp', Buffer.alloc(4)))]),
    Buffer.concat([
      head,
      box('brob', Buffer.concat([Buffer.from('Exif'), brotliCompressSync(Buffer.alloc(256 * MIB))])),
      box('jxlc', huge),
    ]),
    Buffer.concat([head, boxesIn(20_000, 'jxlc', Buffer.alloc(0))]),
    Buffer.concat([head, box('jxlc', Buffer.from('ff0a', 'hex'), 0)]),
  ];
}

function jpeg2000s(seed: Buffer): Buffer[] {
  const siz = seed.indexOf(Buffer.from('ff4fff51', 'hex'));
  const signature = seed.subarray(0, 12);
  return [
    told(seed, 'BE', [siz + 8, 0xffffffff], [siz + 12, 0xffffffff]),
    told(seed, 'BE', [siz + 8, 16_000], [siz + 12, 16_000]),
    told(seed, 'BE', [siz + 24, 1], [siz + 28, 1]),
    told(seed, 'BE', [siz + 8, 60_000], [siz + 12, 1000], [siz + 24, 1], [siz + 28, 1]),
    told(seed, 'BE', [siz + 16, 0xffffffff]),
    Buffer.concat([seed.subarray(0, siz + 40), Buffer.from('4000', 'hex'), seed.subarray(siz + 42)]),
    Buffer.concat([signature, boxesIn(20_000, 'jp2h', Buffer.alloc(0))]),
    Buffer.concat([signature, Buffer.alloc(800_000, box('jp2h', Buffer.alloc(0)))]),
  ];
}

function raws(): Buffer[] {
  const dng: Directory['entries'] = [[50_706, 1, 4, 0x401]];
  const itself = tiffOf([{ entries: [...dng, [330, 4, 1, 8] as const].sort(([a], [b]) => a - b), next: 8 }]);
  const entries = Array.from({ length: 60_000 }, (_, index) => [index, 4, 0xffffffff, 8] as const);
  const starts = Buffer.alloc(600_000, Buffer.from('ffd8ffe0', 'hex'));
  return [
    itself,
    tiffOf([{ entries: [...dng, ...entries].sort(([a], [b]) => a - b) }]),
    Buffer.concat([tiffOf([{ entries: dng }]), starts]),
    Buffer.concat([Buffer.from('FUJIFILMCCD-RAW 0201', 'latin1'), starts]),
    Buffer.concat([
      box('ftyp', Buffer.from('crx \0\0\0\x01crx isom', 'latin1')),
      boxesIn(20_000, 'moov', Buffer.alloc(0)),
    ]),
    Buffer.concat([
      box('ftyp', Buffer.from('crx \0\0\0\x01crx isom', 'latin1')),
      Buffer.alloc(800_000, box('moov', Buffer.alloc(0))),
    ]),
  ];
}

function archives(document: (cover: Buffer) => Buffer): Buffer[] {
  const inner = document(Buffer.from('nothing'));
  const end = inner.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  return [
    document(pngOf({ widthPx: 60_000, heightPx: 60_000, rows: 1 })),
    document(inner),
    document(Buffer.alloc(64 * MIB)),
    told(inner, 'LE', [end + 16, 0]),
    told(inner, 'LE', [end + 16, end]),
    told(inner, 'LE', [end + 12, 0xffffffff]),
    told(inner, 'LE', [end + 8, 0xffffffff]),
    Buffer.concat([inner, Buffer.alloc(500_000, inner.subarray(end))]),
  ];
}

function books(): Buffer[] {
  const book = (container: string, list: string): Buffer =>
    zipOf([
      { name: 'mimetype', body: 'application/epub+zip', deflate: false },
      { name: 'META-INF/container.xml', body: container },
      { name: 'OEBPS/book.opf', body: list },
    ]);
  const container = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>';
  return [
    book(container, `<package><manifest>${'<item id="a" href="a"/>'.repeat(50_000)}</manifest></package>`),
    book(container, `${'<package>'.repeat(100_000)}`),
    book(container, `<package ${'a'.repeat(2_000_000)}`),
    book('<rootfile full-path="META-INF/container.xml"/>', ''),
    book(entityBomb().toString(), entityBomb().toString()),
  ];
}

function drawings(): Buffer[] {
  const loops = [
    '<g id="a"><use xlink:href="#a"/></g>',
    '<g id="a"><use xlink:href="#b"/></g><g id="b"><use xlink:href="#a"/></g><use xlink:href="#a"/>',
    '<pattern id="p" width="1" height="1"><rect width="9" height="9" fill="url(#p)"/></pattern><rect width="9" height="9" fill="url(#p)"/>',
    '<linearGradient id="g" xlink:href="#g"/><rect width="9" height="9" fill="url(#g)"/>',
    '<mask id="m"><rect mask="url(#m)" width="9" height="9"/></mask><rect width="9" height="9" mask="url(#m)"/>',
    '<clipPath id="c" clip-path="url(#c)"><rect width="9" height="9"/></clipPath><rect width="9" height="9" clip-path="url(#c)"/>',
    '<marker id="k"><path d="M0 0L9 9" marker-end="url(#k)"/></marker><path d="M0 0L9 9" marker-end="url(#k)"/>',
  ];
  return [...loops.map((body) => svg(body)), useBomb(12), entityBomb(), nested(100_000), filterBomb(100)];
}

/** An object that is a stream of `operators`, deflated. */
function form(operators: string | Buffer, more = ''): string {
  const packed = deflateSync(operators).toString('latin1');
  return `<< /Type /XObject /Subtype /Form /BBox [0 0 60 80] ${more} /Filter /FlateDecode /Length ${packed.length} >>\nstream\n${packed}\nendstream`;
}

function documents(): Buffer[] {
  const page = (content: string, more: string, ...others: readonly string[]): Buffer =>
    pdfOf([{ width: 60, height: 80, content, more }], '', others);
  const drawn = '/Resources << /XObject << /F 6 0 R >> >>';
  const quarters = pdfOf([quartersPage(60, 80)]).toString('latin1');
  const changed = (from: string | RegExp, to: string): Buffer => Buffer.from(quarters.replace(from, to), 'latin1');
  // PDFium unfolds what forms draw.
  const levels = Array.from({ length: 8 }, (_, level) =>
    form('/F Do '.repeat(10), `/Resources << /XObject << /F ${7 + level} 0 R >> >>`),
  );
  return [
    page('/F Do', drawn, form('/F Do', drawn)),
    page('/F Do', drawn, ...levels, form('0 0 1 1 re f')),
    page('/F Do', drawn, form(Buffer.alloc(64 * MIB, ' '))),
    page('q '.repeat(200_000), ''),
    page('[ '.repeat(100_000), ''),
    page(
      '/P sh',
      '/Resources << /Shading << /P 6 0 R >> >>',
      '<< /ShadingType 1 /ColorSpace /DeviceRGB /Function 6 0 R >>',
    ),
    page(
      'BT /F 9 Tf (a) Tj ET',
      '/Resources << /Font << /F 6 0 R >> >>',
      '<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1 1] /FontMatrix [1 0 0 1 0 0] /FirstChar 97 /LastChar 97 /Widths [1] /Encoding << /Differences [97 /a] >> /CharProcs << /a 7 0 R >> /Resources << /Font << /F 6 0 R >> >> >>',
      form('BT /F 9 Tf (a) Tj ET'),
    ),
    page(
      '/F Do',
      drawn,
      '<< /Type /XObject /Subtype /Image /Width 60000 /Height 60000 /ColorSpace /DeviceRGB /BitsPerComponent 8 /Length 1 >>\nstream\n \nendstream',
    ),
    changed('[4 0 R]', '[2 0 R 2 0 R]'),
    changed('/Count 1', '/Count 2147483647'),
    changed('/Count 1', '/Count -1'),
    changed(/\/MediaBox \[[^\]]*\]/, '/MediaBox [0 0 1e30 1e30]'),
    changed('/Size 6', '/Prev 9 /Size 6'),
    changed('/Size 6', '/Size 2147483647'),
    changed(/\/Length \d+/, '/Length 5 0 R'),
    changed('/Type /Catalog', `/Type /Catalog /X ${'<< /X '.repeat(50_000)}`),
    Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(2_000_000, '1 0 obj\n')]),
  ];
}

/** Files of `type`, made from one that is sound where its structure is needed. */
export function typeBombs(type: SourceType, seed: Buffer): readonly Buffer[] {
  switch (type) {
    case 'bmp':
      return bmps();
    case 'ico':
      return icons();
    case 'psd':
      return photoshops(seed);
    case 'heic':
      return heics(seed);
    case 'jxl':
      return jpegXls();
    case 'jp2':
      return jpeg2000s(seed);
    case 'raw':
      return raws();
    case 'office':
      return archives(openDocument);
    case 'epub':
      return [...archives((cover) => epubOf(cover)), ...books()];
    case 'svg':
      return drawings();
    case 'pdf':
      return documents();
    default:
      return [];
  }
}
