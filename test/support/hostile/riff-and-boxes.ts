// WebP (RIFF chunks, RFC 9649) and AVIF (ISO base media boxes, ISO/IEC 14496-12): headers that claim what they like.

/** One RIFF chunk, padded to an even length. */
export function riffChunk(type: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.write(type, 'latin1');
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}

/** A WebP file of these chunks. */
export function webpOf(...chunks: readonly Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from('WEBP', 'latin1'), ...chunks]);
  const head = Buffer.alloc(8);
  head.write('RIFF', 'latin1');
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body]);
}

/** The chunks of a well-formed WebP file. */
export function webpChunksOf(webp: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 12; at + 8 <= webp.length; ) {
    const end = at + 8 + webp.readUInt32LE(at + 4) + (webp.readUInt32LE(at + 4) % 2);
    chunks.push(webp.subarray(at, Math.min(end, webp.length)));
    at = end;
  }
  return chunks;
}

/** The VP8X header chunk of a canvas of that size (up to 2^24 a side). */
export function vp8x(widthPx: number, heightPx: number, flags = 0): Buffer {
  const data = Buffer.alloc(10);
  data[0] = flags;
  data.writeUIntLE(widthPx - 1, 4, 3);
  data.writeUIntLE(heightPx - 1, 7, 3);
  return riffChunk('VP8X', data);
}

/** A lossless WebP (VP8L) that claims up to 16384x16384 and holds next to nothing. */
export function vp8lClaiming(widthPx: number, heightPx: number): Buffer {
  const data = Buffer.alloc(24);
  data[0] = 0x2f;
  data.writeUInt32LE(((widthPx - 1) | ((heightPx - 1) << 14)) >>> 0, 1);
  return webpOf(riffChunk('VP8L', data));
}

/** An animation whose frames all are `frame`, the image chunk of a 1x1 still, on a canvas of that size. */
export function webpAnimation(widthPx: number, heightPx: number, frames: number, frame: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeUIntLE(100, 12, 3);
  const one = riffChunk('ANMF', Buffer.concat([head, frame]));
  const anim = riffChunk('ANIM', Buffer.alloc(6));
  return webpOf(vp8x(widthPx, heightPx, 0x02), anim, ...Array.from({ length: frames }, () => one));
}

/** `file` with the sizes in its `ispe` boxes (image spatial extents) replaced. */
export function avifClaiming(file: Buffer, widthPx: number, heightPx: number): Buffer {
  const claimed = Buffer.from(file);
  let found = 0;
  for (let at = claimed.indexOf('ispe'); at >= 0; at = claimed.indexOf('ispe', at + 4)) {
    claimed.writeUInt32BE(widthPx, at + 8);
    claimed.writeUInt32BE(heightPx, at + 12);
    found++;
  }
  if (found === 0) throw new Error('expected an ispe box, got none');
  return claimed;
}
