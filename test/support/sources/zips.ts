// ZIP archives, and the documents that are such: entries as they are given, deflated where asked.
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipEntry {
  readonly name: string;
  readonly body: Buffer | string;
  readonly deflate?: boolean;
  /** Claimed instead of what it is. */
  readonly length?: number;
}

export function zipOf(entries: readonly ZipEntry[]): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const { name, body, deflate = true, length } of entries) {
    const bytes = Buffer.from(body);
    const data = deflate ? deflateRawSync(bytes) : bytes;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(deflate ? 8 : 0, 4);
    common.writeUInt32LE(crcOf(bytes), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(length ?? bytes.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), data]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, Buffer.from(name)]));
    locals.push(local);
    at += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** Node 20.9 has none in zlib. */
function crcOf(bytes: Buffer): number {
  if (typeof crc32 === 'function') return crc32(bytes);
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

const relationships = (target: string): string =>
  `<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/><Relationship Id="r2" Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/thumbnail" Target="${target}"/></Relationships>`;

/** A docx, xlsx or pptx with that thumbnail, or none. */
export function ooxml(thumbnail?: { readonly name: string; readonly bytes: Buffer }): Buffer {
  return zipOf([
    { name: '[Content_Types].xml', body: '<Types/>' },
    { name: '_rels/.rels', body: relationships(thumbnail?.name ?? 'nowhere.jpeg') },
    { name: 'word/document.xml', body: '<document/>' },
    ...(thumbnail ? [{ name: thumbnail.name, body: thumbnail.bytes }] : []),
  ]);
}

/** An odt, ods or odp. */
export function openDocument(thumbnail?: Buffer): Buffer {
  return zipOf([
    { name: 'mimetype', body: 'application/vnd.oasis.opendocument.text', deflate: false },
    { name: 'content.xml', body: '<content/>' },
    ...(thumbnail ? [{ name: 'Thumbnails/thumbnail.png', body: thumbnail }] : []),
  ]);
}

/** An EPUB whose cover stands beside its list, named in one of the ways. */
export function epubOf(cover: Buffer | undefined, way: 'property' | 'meta' | 'id' = 'property'): Buffer {
  const id = way === 'id' ? 'my-cover' : 'i7';
  const property = way === 'property' ? 'properties="cover-image"' : '';
  const meta = way === 'meta' ? `<meta name="cover" content="${id}"/>` : '';
  return zipOf([
    { name: 'mimetype', body: 'application/epub+zip', deflate: false },
    {
      name: 'META-INF/container.xml',
      body: '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
    },
    {
      name: 'OEBPS/book.opf',
      body: `<package><metadata>${meta}</metadata><manifest><item id="a" href="a.xhtml"/><opf:item id="${id}" href="pics/the%20cover.jpg" media-type="image/jpeg" ${property}/></manifest></package>`,
    },
    ...(cover ? [{ name: 'OEBPS/pics/the cover.jpg', body: cover, deflate: false }] : []),
  ]);
}
