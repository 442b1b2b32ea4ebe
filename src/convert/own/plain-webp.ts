// A WebP with its coded pixels, alpha and timing alone (RFC 9649): no profile, tags or chunks that nobody knows.

const KEPT: readonly string[] = ['VP8X', 'VP8 ', 'VP8L', 'ALPH', 'ANIM', 'ANMF'];
const IN_FRAME: readonly string[] = ['VP8 ', 'VP8L', 'ALPH'];
const FRAME_HEADER_BYTES = 16;
/** Of the flags of VP8X: alpha and animation. */
const FLAGS = 0x12;

/** `undefined` for what is cut. */
export function plainWebp(bytes: Buffer): Buffer | undefined {
  const end = Math.min(bytes.length, 8 + bytes.readUInt32LE(4));
  const kept = chunksOf(bytes.subarray(12, end), KEPT);
  if (kept === undefined) return undefined;
  const body = Buffer.concat([Buffer.from('WEBP'), ...kept]);
  const head = Buffer.from('RIFF\0\0\0\0', 'latin1');
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body]);
}

function chunksOf(bytes: Buffer, names: readonly string[]): Buffer[] | undefined {
  const kept: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 8 > bytes.length) return undefined;
    const name = bytes.toString('latin1', at, at + 4);
    const body = bytes.subarray(at + 8, at + 8 + bytes.readUInt32LE(at + 4));
    if (body.length < bytes.readUInt32LE(at + 4)) return undefined;
    at += 8 + body.length + (body.length % 2);
    if (!names.includes(name)) continue;
    const plain = name === 'VP8X' ? withoutFlags(body) : name === 'ANMF' ? plainFrame(body) : body;
    if (plain === undefined) return undefined;
    kept.push(chunk(name, plain));
  }
  return kept;
}

function withoutFlags(body: Buffer): Buffer | undefined {
  if (body.length !== 10) return undefined;
  const plain = Buffer.from(body);
  plain[0] = (plain[0] ?? 0) & FLAGS;
  plain.fill(0, 1, 4);
  return plain;
}

function plainFrame(body: Buffer): Buffer | undefined {
  const inside = chunksOf(body.subarray(FRAME_HEADER_BYTES), IN_FRAME);
  return inside && Buffer.concat([body.subarray(0, FRAME_HEADER_BYTES), ...inside]);
}

function chunk(name: string, body: Buffer): Buffer {
  const head = Buffer.from(`${name}\0\0\0\0`, 'latin1');
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
}
