// Boxes of ISO base media files (ISO/IEC 14496-12): HEIF, AVIF, CR3.

export interface Box {
  readonly type: string;
  readonly body: Buffer;
}

/** Boxes that are looked at in one place. */
const MAX_BOXES = 1000;

/** The boxes that `bytes` hold, one behind the other; what makes no box ends them. */
export function boxesOf(bytes: Buffer): Box[] {
  const boxes: Box[] = [];
  for (let at = 0; at + 8 <= bytes.length && boxes.length < MAX_BOXES; ) {
    const short = bytes.readUInt32BE(at);
    const isLong = short === 1 && at + 16 <= bytes.length;
    const head = isLong ? 16 : 8;
    const length = isLong ? Number(bytes.readBigUInt64BE(at + 8)) : short === 0 ? bytes.length - at : short;
    if (length < head) break;
    boxes.push({ type: bytes.toString('latin1', at + 4, at + 8), body: bytes.subarray(at + head, at + length) });
    at += length;
  }
  return boxes;
}
