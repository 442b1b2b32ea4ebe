// What a file is, by its first bytes alone. Names also what is refused, so that an error can say what was found.
import type { SourceType } from '../kernel/source.js';
import { rootAt, xmlText } from './xml-text.js';

/** What was recognised: a source type, or only a name to be told to the uploader. */
export interface Sniffed {
  readonly type?: SourceType;
  readonly name: string;
}

/** As many bytes as the rules look at: what stands before the root of an SVG may be long. */
export const SNIFF_BYTES = 64 * 1024;

/** Within which the header of a PDF stands (ISO 32000-1, annex H.3.4.1). */
const PDF_HEADER_BYTES = 1024;

interface Magic {
  readonly name: string;
  readonly type?: SourceType;
  readonly at?: number;
  /** Latin-1 text that stands at `at` (default 0). */
  readonly text: string;
}

// In the order they are tried; the first that stands in the file wins.
const MAGICS: readonly Magic[] = [
  { name: 'JPEG', type: 'jpeg', text: '\xff\xd8\xff' },
  { name: 'PNG', type: 'png', text: '\x89PNG\r\n\x1a\n' },
  { name: 'GIF', type: 'gif', text: 'GIF87a' },
  { name: 'GIF', type: 'gif', text: 'GIF89a' },
  { name: 'TIFF', type: 'tiff', text: 'II*\0' },
  { name: 'TIFF', type: 'tiff', text: 'MM\0*' },
  { name: 'BigTIFF', type: 'tiff', text: 'II+\0' },
  { name: 'BigTIFF', type: 'tiff', text: 'MM\0+' },
  { name: 'camera raw (ORF)', type: 'raw', text: 'IIRO' },
  { name: 'camera raw (ORF)', type: 'raw', text: 'IIRS' },
  { name: 'camera raw (ORF)', type: 'raw', text: 'MMOR' },
  { name: 'camera raw (RW2)', type: 'raw', text: 'IIU\0' },
  { name: 'camera raw (RAF)', type: 'raw', text: 'FUJIFILMCCD-RAW' },
  { name: 'camera raw (MRW)', type: 'raw', text: '\0MRM' },
  { name: 'camera raw (X3F)', type: 'raw', text: 'FOVb' },
  { name: 'PDF', type: 'pdf', text: '%PDF-' },
  { name: 'PostScript', text: '%!PS' },
  { name: 'ZIP', text: 'PK\x03\x04' },
  { name: 'ZIP', text: 'PK\x05\x06' },
  { name: 'gzip', text: '\x1f\x8b' },
  { name: '7z', text: "7z\xbc\xaf'\x1c" },
  { name: 'RAR', text: 'Rar!\x1a\x07' },
  { name: 'PSD', type: 'psd', text: '8BPS' },
  { name: 'JPEG 2000', type: 'jp2', text: '\0\0\0\x0cjP  \r\n\x87\n' },
  { name: 'JPEG 2000', type: 'jp2', text: '\xff\x4f\xff\x51' },
  { name: 'JPEG XL', type: 'jxl', text: '\0\0\0\x0cJXL \r\n\x87\n' },
  { name: 'JPEG XL', type: 'jxl', text: '\xff\x0a' },
  { name: 'ICO', type: 'ico', text: '\0\0\x01\0' },
  { name: 'OpenEXR', text: 'v/1\x01' },
  { name: 'Radiance HDR', text: '#?RADIANCE' },
  { name: 'FITS', text: 'SIMPLE  =' },
  { name: 'VIPS', text: '\xb6\xa6\xf2\x08' },
  { name: 'VIPS', text: '\x08\xf2\xa6\xb6' },
  { name: 'MATLAB', text: 'MATLAB 5.0' },
  { name: 'Matroska', text: '\x1a\x45\xdf\xa3' },
  { name: 'MP3', text: 'ID3' },
  { name: 'executable', text: '\x7fELF' },
  { name: 'BMP', type: 'bmp', text: 'BM' },
];

/** Major and compatible brands of ISO base media files (ISO/IEC 14496-12), most telling first. */
const BRANDS: readonly (readonly [brands: readonly string[], sniffed: Sniffed])[] = [
  [['avif', 'avis'], { type: 'avif', name: 'AVIF' }],
  [['mif3'], { name: 'HEIF in its minimal form' }],
  [['heic', 'heix', 'hevc', 'hevx', 'heim', 'heis', 'mif1', 'mif2', 'msf1'], { type: 'heic', name: 'HEIC' }],
  [['crx '], { type: 'raw', name: 'camera raw (CR3)' }],
  [['qt  '], { name: 'QuickTime' }],
];

/** What `head`, the first bytes of a file, shows it to be; `undefined` when nothing is recognised. */
export function sniff(head: Uint8Array): Sniffed | undefined {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, SNIFF_BYTES)).toString('latin1');
  if (text.startsWith('RIFF')) {
    return text.startsWith('WEBP', 8) ? { type: 'webp', name: 'WebP' } : { name: 'RIFF media' };
  }
  if (text.startsWith('ftyp', 4)) return sniffBrands(text);
  if (text.startsWith('PK\x03\x04')) return sniffZip(text);
  if (isCursor(head)) return { type: 'ico', name: 'CUR' };
  const magic = MAGICS.find((candidate) => text.startsWith(candidate.text, candidate.at ?? 0));
  if (magic) return magic.type === undefined ? { name: magic.name } : { type: magic.type, name: magic.name };
  // Readers of documents pass over what stands before the first line, mail headers as it may be.
  if (text.slice(0, PDF_HEADER_BYTES).includes('%PDF-1.')) return { type: 'pdf', name: 'PDF' };
  return sniffText(text, head.subarray(0, SNIFF_BYTES));
}

/** Documents in ZIP archives, by the first entry: its name, and of OpenDocument and EPUB what it holds. */
function sniffZip(text: string): Sniffed {
  const bytes = Buffer.from(text.slice(0, 400), 'latin1');
  const nameEnd = 30 + (bytes.length >= 30 ? bytes.readUInt16LE(26) : 0);
  const name = text.slice(30, nameEnd);
  if (name === 'mimetype') {
    const body = text.slice(nameEnd + bytes.readUInt16LE(28), nameEnd + 200);
    if (body.startsWith('application/epub+zip')) return { type: 'epub', name: 'EPUB' };
    if (body.startsWith('application/vnd.oasis.opendocument.')) return { type: 'office', name: 'an Office document' };
  }
  const isOffice = /^(?:\[Content_Types\]\.xml|_rels\/|docProps\/|word\/|xl\/|ppt\/)/.test(name);
  return isOffice ? { type: 'office', name: 'an Office document' } : { name: 'ZIP' };
}

/** Its first four bytes are those of a Targa file too: the first entry of its directory has to make sense. */
function isCursor(head: Uint8Array): boolean {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, 22));
  if (bytes.length < 22 || bytes.readUInt32BE(0) !== 0x200) return false;
  const count = bytes.readUInt16LE(4);
  return count >= 1 && bytes[9] === 0 && bytes.readUInt32LE(14) >= 40 && bytes.readUInt32LE(18) >= 6 + 16 * count;
}

function sniffBrands(text: string): Sniffed {
  const length = Math.min(Buffer.from(text.slice(0, 4), 'latin1').readUInt32BE(0), 256);
  // The major brand, four bytes of version, then the compatible brands.
  const brands = [text.slice(8, 12)];
  for (let at = 16; at + 4 <= length; at += 4) brands.push(text.slice(at, at + 4));
  const major = BRANDS.find(([names]) => names.includes(brands[0] ?? ''));
  // "mif1" alone says only "some image file": the compatible brands tell whether it is AVIF.
  if (major && !['mif1', 'mif2', 'msf1'].includes(brands[0] ?? '')) return major[1];
  const any = BRANDS.find(([names]) => brands.some((brand) => names.includes(brand)));
  return any?.[1] ?? { name: 'MP4 media' };
}

function sniffText(text: string, head: Uint8Array): Sniffed | undefined {
  if (/^\s*(?:<!doctype html|<html|<head|<body)/i.test(text)) return { name: 'HTML' };
  const xml = /^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\0?\s*</.test(text) ? xmlText(head) : '';
  if (/^<(?:[\w.-]+:)?svg[\s>/]/i.test(xml.slice(rootAt(xml)))) return { type: 'svg', name: 'SVG' };
  if (/^\s*<\?xml/.test(xml)) return { name: 'XML' };
  const isText = text.length > 0 && !/[^\P{Cc}\t\n\r\x80-\x9f]/u.test(text) && /^[\t\n\r\x20-\x7e]{8}/.test(text);
  return isText ? { name: 'text' } : undefined;
}
