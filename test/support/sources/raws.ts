// Camera raw files in outline: what is told of the picture, JPEGs of several sizes, and noise where the sensor's data would be.
import { type Directory, tiffOf } from '../hostile/tiff.js';
import { randomNumbers } from '../images.js';

const noise = (bytes: number): Buffer => {
  const random = randomNumbers(5);
  return Buffer.from(Array.from({ length: bytes }, () => Math.floor(random() * 256)));
};

function directory(orientation: number, more: Directory['entries'] = []): Directory {
  const entries: Directory['entries'] = [
    [256, 4, 1, 160],
    [257, 4, 1, 120],
    [271, 2, 6, Buffer.from('Maker\0')],
    [274, 3, 1, orientation],
    ...more,
  ];
  return { entries: [...entries].sort(([a], [b]) => a - b) };
}

export type RawKind = 'dng' | 'cr2' | 'nef' | 'orf' | 'rw2' | 'raf' | 'cr3';

/** A raw file of that kind that holds `jpegs`, told to be turned so. */
export function rawOf(kind: RawKind, jpegs: readonly Buffer[], orientation = 1): Buffer {
  const data = [noise(500), ...jpegs.flatMap((jpeg) => [jpeg, noise(300)])];
  if (kind === 'raf') return Buffer.concat([Buffer.from('FUJIFILMCCD-RAW 0201', 'latin1'), ...data]);
  if (kind === 'cr3') {
    const tags = tiffOf([directory(orientation)]);
    const uuid = box('uuid', Buffer.alloc(16, 7), box('CMT1', tags));
    return Buffer.concat([
      box('ftyp', Buffer.from('crx \0\0\0\x01crx isom', 'latin1')),
      box('moov', uuid),
      box('mdat', ...data),
    ]);
  }
  const dng: Directory['entries'] = kind === 'dng' ? [[50_706, 1, 4, 0x401]] : [];
  // A picture of the sensor's colour filters, as those have that say nothing else of themselves.
  const sensor: Directory['entries'] = kind === 'nef' ? [[262, 3, 1, 32_803]] : [];
  const tiff = tiffOf([directory(orientation, [...dng, ...sensor])]);
  if (kind === 'orf') tiff.write('IIRO', 'latin1');
  if (kind === 'rw2') tiff.write('IIU\0', 'latin1');
  if (kind !== 'cr2') return Buffer.concat([tiff, ...data]);
  // Behind the header stands the maker's own, and only then the directory.
  return Buffer.concat([
    Buffer.from('49492a0010000000435202000000000000', 'hex').subarray(0, 16),
    shifted(tiff, 8),
    ...data,
  ]);
}

/** The directory of a small TIFF, to stand `by` bytes further behind. */
function shifted(tiff: Buffer, by: number): Buffer {
  const out = Buffer.from(tiff.subarray(8));
  const count = out.readUInt16LE(0);
  for (let index = 0; index < count; index++) {
    const at = 2 + index * 12;
    const bytes =
      out.readUInt32LE(at + 4) * (out.readUInt16LE(at + 2) === 3 ? 2 : out.readUInt16LE(at + 2) === 4 ? 4 : 1);
    if (bytes > 4) out.writeUInt32LE(out.readUInt32LE(at + 8) + by, at + 8);
  }
  return out;
}

function box(type: string, ...bodies: readonly Buffer[]): Buffer {
  const body = Buffer.concat(bodies);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length, 0);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
}
