// A GIF with its screen, colour tables, timing and coded pixels alone (GIF89a): no comments, texts or extensions of programs.

const [IMAGE, EXTENSION, END] = [0x2c, 0x21, 0x3b] as const;
const [CONTROL, APPLICATION] = [0xf9, 0xff] as const;
/** How often it plays; the second name is an old one. */
const LOOPS: readonly string[] = ['NETSCAPE2.0', 'ANIMEXTS1.0'];
const HEADER_BYTES = 13;

/** `undefined` where something stands behind the coded pixels of a frame, or is no block, and where that takes `mostBytes` or more. */
export function plainGif(bytes: Buffer, mostBytes: number): Buffer | undefined {
  let at = HEADER_BYTES + tableBytes(bytes[10] ?? 0);
  const kept = [bytes.subarray(0, at)];
  const frames: (readonly [data: number, end: number])[] = [];
  for (;;) {
    const start = at;
    const block = bytes[at];
    if (block === END) {
      const plain = Buffer.concat([...kept, Buffer.from([END])]);
      // To look into every frame costs as much as to decode it.
      const isWorthIt = plain.length < mostBytes;
      return isWorthIt && frames.every(([data, end]) => endsWithItsCode(bytes, data, end)) ? plain : undefined;
    }
    if (block === EXTENSION) {
      at = endOfBlocks(bytes, at + 2);
      const label = bytes[start + 1];
      const isLoop = label === APPLICATION && LOOPS.includes(bytes.toString('latin1', start + 3, start + 14));
      // Exactly as long as what is known of them.
      if ((label === CONTROL && at - start === 8) || (isLoop && at - start === 19))
        kept.push(bytes.subarray(start, at));
    } else if (block === IMAGE) {
      const data = at + 10 + tableBytes(bytes[at + 9] ?? 0);
      at = endOfBlocks(bytes, data + 1);
      frames.push([data, at]);
      kept.push(bytes.subarray(start, at));
    } else return undefined;
    if (at > bytes.length) return undefined;
  }
}

function tableBytes(flags: number): number {
  return flags & 0x80 ? 3 << ((flags & 7) + 1) : 0;
}

function endOfBlocks(bytes: Buffer, from: number): number {
  let at = from;
  for (let length = bytes[at]; length !== undefined && length > 0; length = bytes[at]) at += 1 + length;
  return at + 1;
}

/** Whether the codes from the size at `at` to `end` stop with the one that says so, in the last byte there is. */
function endsWithItsCode(bytes: Buffer, at: number, end: number): boolean {
  const size = bytes[at] ?? 0;
  if (size < 2 || size > 8) return false;
  const blocks: Buffer[] = [];
  for (let block = at + 1; block < end - 1; block += 1 + (bytes[block] ?? 0))
    blocks.push(bytes.subarray(block + 1, block + 1 + (bytes[block] ?? 0)));
  const data = Buffer.concat(blocks);
  const [clear, stop] = [1 << size, (1 << size) + 1];
  let [width, known, bits, held, from] = [size + 1, stop + 1, 0, 0, 0];
  let isFirst = true;
  for (;;) {
    while (bits < width) {
      if (from >= data.length) return false;
      held |= (data[from++] ?? 0) << bits;
      bits += 8;
    }
    const code = held & ((1 << width) - 1);
    held >>= width;
    bits -= width;
    if (code === stop) return from === data.length;
    if (code === clear) [width, known, isFirst] = [size + 1, stop + 1, true];
    else if (isFirst) isFirst = false;
    else if (known < 4096) {
      known++;
      if (known === 1 << width && width < 12) width++;
    }
  }
}
