// The XMP and IPTC of a source as tags: found in its container, and read by the library as if they stood in a JPEG, which is the
// container it reads both of. Bad packets are none; nothing here throws.
import ExifReader from 'exifreader';
import { MAX_PACKET_BYTES } from './source-facts.js';
import type { SourceFile } from './source-file.js';

const XMP_SEGMENT = Buffer.from('http://ns.adobe.com/xap/1.0/\0', 'latin1');
const PHOTOSHOP = 'Photoshop 3.0\0';
const START = Buffer.from([0xff, 0xd8]);
const [APP1, APP13] = [0xe1, 0xed];
/** The header of a scan: here the reader ends. */
const SCAN = Buffer.from([0xff, 0xda, 0, 2]);

/** Tags by name as the library tells them, of both. */
export function xmpAndIptc({ header }: Pick<SourceFile, 'header'>): { readonly xmp: object; readonly iptc: object } {
  const xmp = bounded(header.xmp);
  const iptc = bounded(header.iptc);
  if (xmp === undefined && iptc === undefined) return { xmp: {}, iptc: {} };
  const segments = [
    ...(xmp ? [segment(APP1, Buffer.concat([XMP_SEGMENT, xmp]))] : []),
    ...(iptc ? [segment(APP13, asResource(iptc))] : []),
  ];
  try {
    const tags = ExifReader.load(Buffer.concat([START, ...segments, SCAN]), { expanded: true, includeUnknown: false });
    const { _raw, ...named } = tags.xmp ?? {};
    return { xmp: named, iptc: tags.iptc ?? {} };
  } catch {
    return { xmp: {}, iptc: {} };
  }
}

function bounded(packet: Buffer | undefined): Buffer | undefined {
  return packet && packet.length > 0 && packet.length <= MAX_PACKET_BYTES ? packet : undefined;
}

function segment(marker: number, body: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([head, body]);
}

/** A TIFF holds its datasets alone. */
function asResource(iptc: Buffer): Buffer {
  if (iptc.toString('latin1', 0, PHOTOSHOP.length) === PHOTOSHOP) return iptc;
  const head = Buffer.from(`${PHOTOSHOP}8BIM\x04\x04\0\0\0\0\0\0`, 'latin1');
  head.writeUInt32BE(iptc.length, head.length - 4);
  return Buffer.concat([head, iptc, Buffer.alloc(iptc.length % 2)]);
}
