// Sources that hold a word in every place where their type can hold one beside its picture.
import { brotliCompressSync } from 'node:zlib';
import sharp from 'sharp';
import { jpegSegment, withSegments } from '../hostile/jpeg.js';
import { pngChunk } from '../hostile/png.js';
import { ENCODED, image, photo, quadrants } from '../images.js';
import { bmpOf, icoOf } from './bitmaps.js';
import { pdfOf, quartersPage } from './pdfs.js';
import { psdOf } from './psds.js';
import { rawOf } from './raws.js';
import { heicOf, jp2Of, jxlOf } from './tool-made.js';
import { epubOf, zipOf } from './zips.js';

/** Nothing else has it, compressed or not, in any case of letters. */
export const CANARY = 'cAnArY7fQ';
const WORD = Buffer.from(CANARY, 'latin1');
const text = (value: string): Buffer => Buffer.from(value, 'latin1');

const XMP = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" xmp:Rating="3" exif:GPSLatitude="48,1.5N" aux:SerialNumber="${CANARY}"><dc:creator><rdf:Seq><rdf:li>${CANARY}</rdf:li></rdf:Seq></dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>`;

function dataset(record: number, number: number, value: string): Buffer {
  const head = Buffer.from([0x1c, record, number, 0, value.length]);
  return Buffer.concat([head, text(value)]);
}

/** By-line, city and keywords. */
export const IPTC = Buffer.concat([dataset(2, 80, CANARY), dataset(2, 90, CANARY), dataset(2, 25, 'harbour')]);

function resource(id: number, body: Buffer): Buffer {
  const head = text('8BIM\0\0\0\0\0\0\0\0');
  head.writeUInt16BE(id, 4);
  head.writeUInt32BE(body.length, 8);
  return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
}

const EXIF = {
  IFD0: { Artist: CANARY, Copyright: CANARY, ImageDescription: CANARY, Make: 'Maker' },
  IFD2: { BodySerialNumber: CANARY, CameraOwnerName: CANARY },
  IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '48/1 1/1 30/1', GPSAreaInformation: CANARY },
};

async function jpegWithAll(): Promise<Buffer> {
  const jpeg = await image(quadrants(64, 48)).withExif(EXIF).withXmp(XMP).jpeg().toBuffer();
  return Buffer.concat([
    withSegments(
      jpeg,
      jpegSegment(0xfe, WORD),
      jpegSegment(0xe4, WORD),
      jpegSegment(0xed, Buffer.concat([text('Photoshop 3.0\0'), resource(1028, IPTC)])),
    ),
    WORD,
  ]);
}

async function pngWithAll(): Promise<Buffer> {
  const png = await image(quadrants(64, 48)).withExif(EXIF).withXmp(XMP).png().toBuffer();
  const chunks = [
    pngChunk('tEXt', Buffer.concat([text('Author\0'), WORD])),
    pngChunk('iTXt', Buffer.concat([text('Author\0\0\0\0\0'), WORD])),
    pngChunk('prVt', WORD),
  ];
  const end = png.length - 12;
  const head = 8 + 25;
  return Buffer.concat([
    png.subarray(0, head),
    ...chunks,
    png.subarray(head, end),
    pngChunk('tEXt', Buffer.concat([text('Comment\0'), WORD])),
    png.subarray(end),
    WORD,
  ]);
}

function gifWithAll(gif: Buffer): Buffer {
  // Behind the screen and its colours: a comment, and an application's block.
  const at = 13 + ((gif[10] ?? 0) & 0x80 ? 3 * 2 ** (((gif[10] ?? 0) & 7) + 1) : 0);
  const block = Buffer.concat([Buffer.from([WORD.length]), WORD, Buffer.from([0])]);
  const comment = Buffer.concat([Buffer.from([0x21, 0xfe]), block]);
  // A packet is no blocks: behind it every length leads to the end.
  const trailer = Buffer.from([0x01, ...Array.from({ length: 255 }, (_, index) => 255 - index), 0, 0]);
  const application = Buffer.concat([Buffer.from([0x21, 0xff, 11]), text('XMP DataXMP'), text(XMP), trailer]);
  return Buffer.concat([gif.subarray(0, at), comment, application, gif.subarray(at), WORD]);
}

/** A box of ISO base media files, or of JPEG 2000, that nobody knows. */
function strangeBox(): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + 16 + WORD.length);
  head.write('uuid', 4, 'latin1');
  return Buffer.concat([head, Buffer.alloc(16, 9), WORD]);
}

function box(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
}

/** A JPEG XL in a container, its XMP in a box of its own or packed in one. */
export async function jxlWithAll(isPacked = false): Promise<Buffer> {
  const bare = await jxlOf(await image(quadrants(64, 48)).png().toBuffer());
  const xmp = isPacked
    ? box('brob', Buffer.concat([text('xml '), brotliCompressSync(text(XMP))]))
    : box('xml ', text(XMP));
  const start = [box('JXL ', Buffer.from('0d0a870a', 'hex')), box('ftyp', text('jxl \0\0\0\0jxl '))];
  return Buffer.concat([...start, xmp, box('jxlc', bare), strangeBox()]);
}

function riffWithAll(webp: Buffer): Buffer {
  const chunk = Buffer.concat([text('PRVT'), Buffer.from([WORD.length, 0, 0, 0]), WORD, Buffer.alloc(WORD.length % 2)]);
  const whole = Buffer.concat([webp, chunk]);
  whole.writeUInt32LE(whole.length - 8, 4);
  return Buffer.concat([whole, WORD]);
}

function psdWithAll(): Buffer {
  const psd = psdOf(quadrants(64, 48));
  const exif = Buffer.from('49492a00080000000100' + '3b0102000a0000001a00000000000000', 'hex');
  const resources = Buffer.concat([
    resource(1028, IPTC),
    resource(1060, text(XMP)),
    resource(1058, Buffer.concat([exif, WORD, Buffer.alloc(1)])),
    resource(4000, WORD),
  ]);
  // Behind the header and no colours: the length of the resources.
  const length = Buffer.alloc(4);
  length.writeUInt32BE(resources.length);
  return Buffer.concat([psd.subarray(0, 30), length, resources, psd.subarray(34)]);
}

function pdfWithAll(): Buffer {
  const more = `/PieceInfo << /Word << /LastModified (${CANARY}) >> >> /Contents2 (${CANARY})`;
  const annotation = `/Annots [ << /Type /Annot /Subtype /Text /Rect [0 0 1 1] /Contents (${CANARY}) /T (${CANARY}) >> ]`;
  return Buffer.concat([
    pdfOf([quartersPage(64, 48, `${more} ${annotation}`)]),
    text(`\n99 0 obj << /Author (${CANARY}) >> endobj`),
  ]);
}

const SVG = `<?xml version="1.0"?><!-- ${CANARY} --><!DOCTYPE svg [<!ENTITY who "${CANARY}">]><svg xmlns="http://www.w3.org/2000/svg" width="64" height="48" data-name="${CANARY}"><title>&who;</title><desc>${CANARY}</desc><metadata>${XMP}</metadata><rect width="64" height="48" fill="red" id="${CANARY}"/></svg>`;

/** By type; the pictures are 64x48, or drawn at any size. */
export const CANARIES = {
  jpeg: jpegWithAll,
  png: pngWithAll,
  gif: async () => gifWithAll(await ENCODED.gif(quadrants(64, 48))),
  webp: async () => riffWithAll(await image(quadrants(64, 48)).withExif(EXIF).withXmp(XMP).webp().toBuffer()),
  tiff: async () =>
    Buffer.concat([
      await sharp(await jpegWithAll())
        .keepMetadata()
        .tiff({ compression: 'lzw' })
        .toBuffer(),
      WORD,
    ]),
  avif: async () =>
    Buffer.concat([
      await image(await photo(64, 48))
        .withExif(EXIF)
        .withXmp(XMP)
        .avif()
        .toBuffer(),
      strangeBox(),
    ]),
  svg: async () => Buffer.from(SVG),
  bmp: async () => Buffer.concat([bmpOf(64, 48), WORD]),
  ico: async () => icoOf([{ png: await pngWithAll() }]),
  heic: async () => Buffer.concat([await heicOf(await pngWithAll()), strangeBox()]),
  pdf: async () => pdfWithAll(),
  raw: async () => Buffer.concat([rawOf('dng', [await jpegWithAll()]), WORD]),
  office: async () =>
    zipOf([
      { name: 'mimetype', body: 'application/vnd.oasis.opendocument.text', deflate: false },
      { name: 'meta.xml', body: `<creator>${CANARY}</creator>` },
      { name: 'Thumbnails/thumbnail.png', body: await pngWithAll() },
      { name: `${CANARY}.txt`, body: CANARY },
    ]),
  epub: async () => Buffer.concat([epubOf(await jpegWithAll())]),
  psd: async () => psdWithAll(),
  jxl: () => jxlWithAll(),
  jp2: async () => Buffer.concat([await jp2Of(await image(quadrants(64, 48)).png().toBuffer(), 'jp2'), strangeBox()]),
} as const;
