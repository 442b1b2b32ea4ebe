// Photoshop files with a composite and no layers, from plain pixels.
import type { Pixels } from '../images.js';

export interface PsdOptions {
  readonly mode?: 'rgb' | 'grey' | 'cmyk';
  readonly bits?: 8 | 16;
  readonly rle?: boolean;
  /** Version 2, whose lengths are wider. */
  readonly big?: boolean;
  /** The extra channel is what shows through. */
  readonly transparent?: boolean;
  /** Says of itself that it holds no composite. */
  readonly noComposite?: boolean;
  readonly icc?: Buffer;
  /** Claimed instead of what is there. */
  readonly modeNumber?: number;
  readonly claimedBits?: number;
}

export function psdOf({ data, widthPx, heightPx, channels }: Pixels, options: PsdOptions = {}): Buffer {
  const { mode = 'rgb', bits = 8, rle = false, big = false, transparent = false, noComposite = false } = options;
  const pixels = widthPx * heightPx;
  const stored = (pixel: number, channel: number): number => data[pixel * channels + channel] ?? 255;
  // Photoshop blends the composite with white before it stores its transparency beside it.
  const at = (pixel: number, channel: number): number => {
    if (!transparent || channel >= channels - 1) return stored(pixel, channel);
    const alpha = stored(pixel, channels - 1);
    return Math.round((stored(pixel, channel) * alpha) / 255) + 255 - alpha;
  };
  const plane = (value: (pixel: number) => number): Buffer =>
    Buffer.from(Array.from({ length: pixels }, (_, pixel) => value(pixel)));
  const planes =
    mode === 'grey'
      ? [plane((pixel) => at(pixel, 1)), ...(transparent ? [plane((pixel) => stored(pixel, channels - 1))] : [])]
      : mode === 'cmyk'
        ? // What is left of the paper: no black, and each ink the opposite of its light.
          [...[0, 1, 2].map((channel) => plane((pixel) => at(pixel, channel))), plane(() => 255)]
        : Array.from({ length: channels }, (_, channel) => plane((pixel) => at(pixel, channel)));
  const wide = bits === 16 ? planes.map((own) => Buffer.from([...own].flatMap((value) => [value, value]))) : planes;
  const head = Buffer.alloc(26);
  head.write('8BPS', 'latin1');
  head.writeUInt16BE(big ? 2 : 1, 4);
  head.writeUInt16BE(planes.length, 12);
  head.writeUInt32BE(heightPx, 14);
  head.writeUInt32BE(widthPx, 18);
  head.writeUInt16BE(options.claimedBits ?? bits, 22);
  head.writeUInt16BE(options.modeNumber ?? { grey: 1, rgb: 3, cmyk: 4 }[mode], 24);
  const icc = options.icc ? resourceOf(1039, options.icc) : Buffer.alloc(0);
  const version = noComposite ? Buffer.from('3842494d042100000000000500000001' + '0000', 'hex') : Buffer.alloc(0);
  const layers = transparent ? Buffer.concat([lengthOf(2, big), Buffer.from('ffff', 'hex')]) : Buffer.alloc(0);
  const rowBytes = (widthPx * bits) / 8;
  const rows = wide.flatMap((own) =>
    Array.from({ length: heightPx }, (_, row) => own.subarray(row * rowBytes, (row + 1) * rowBytes)),
  );
  const body = rle ? packedRows(rows, big) : Buffer.concat(rows);
  return Buffer.concat([
    head,
    lengthOf(0, false),
    lengthOf(version.length + icc.length, false),
    version,
    icc,
    lengthOf(layers.length, big),
    layers,
    Buffer.from([0, rle ? 1 : 0]),
    body,
  ]);
}

/** An image resource without a name. */
function resourceOf(id: number, data: Buffer): Buffer {
  const head = Buffer.from('8BIM\0\0\0\0', 'latin1');
  head.writeUInt16BE(id, 4);
  return Buffer.concat([head, lengthOf(data.length, false), data, Buffer.alloc(data.length % 2)]);
}

function lengthOf(value: number, wide: boolean): Buffer {
  const out = Buffer.alloc(wide ? 8 : 4);
  out.writeUInt32BE(value, out.length - 4);
  return out;
}

/** PackBits: equal bytes as runs, others as they are. */
function packedRows(rows: readonly Buffer[], big: boolean): Buffer {
  const packed = rows.map((row) => {
    const out: number[] = [];
    for (let at = 0; at < row.length; ) {
      let run = 1;
      while (at + run < row.length && row[at + run] === row[at] && run < 128) run++;
      if (run > 1) out.push(257 - run, row[at] ?? 0);
      else out.push(0, row[at] ?? 0);
      at += run;
    }
    return Buffer.from(out);
  });
  const counts = packed.map((row) => {
    const out = Buffer.alloc(big ? 4 : 2);
    out.writeUIntBE(row.length, 0, out.length);
    return out;
  });
  return Buffer.concat([...counts, ...packed]);
}
