// What is asked of a GIF before it is decoded, that it is whole, since the decoder takes a cut animation for a shorter one; and
// what its frames leave uncovered, which the decoder fills with black (GIF89a specification).
import type { Metadata } from 'sharp';
import { ProofsheetError } from '../../kernel/errors.js';
import type { Reading, Samples } from '../colour/reading.js';
import { gifStructure } from './page-count.js';

/** Throws `source-undecodable` for a file that ends within a block. Only the end marker may be missing, as it often is. */
export function checkGif(bytes: Buffer): void {
  if (!gifStructure(bytes, Number.POSITIVE_INFINITY).cut) return;
  throw new ProofsheetError(
    'source-undecodable',
    'the image cannot be decoded: it is truncated or damaged; expected a complete image file',
  );
}

/** `bytes` without the zeros that stand between its blocks; `undefined` when there are none. */
export function mendedGif(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  let from = 0;
  gifStructure(bytes, Number.POSITIVE_INFINITY, {
    strayZero: (at) => {
      parts.push(bytes.subarray(from, at));
      from = at + 1;
    },
  });
  return parts.length === 0 ? undefined : Buffer.concat([...parts, bytes.subarray(from)]);
}

const XMP_APPLICATION = '\x0bXMP DataXMP';
/** Behind a packet: every length leads to its end, since the packet is no blocks (XMP specification, part 3). */
const XMP_TRAILER = Buffer.from([0x01, 0xff, 0xfe, 0xfd]);

/** The first packet of XMP. */
export function xmpOfGif(bytes: Buffer): Buffer | undefined {
  let packet: Buffer | undefined;
  gifStructure(bytes, Number.POSITIVE_INFINITY, {
    application: (from, to) => {
      const body = bytes.subarray(from + 2, to);
      if (packet || body.toString('latin1', 0, XMP_APPLICATION.length) !== XMP_APPLICATION) return;
      const end = body.lastIndexOf(XMP_TRAILER);
      packet = body.subarray(XMP_APPLICATION.length, end < 0 ? body.length : end);
    },
  });
  return packet;
}

interface Frame {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  /** 2: cleared before the next; 3: what was before it comes back; anything else stays. */
  readonly disposal: number;
}

const [CLEARED, RESTORED] = [2, 3] as const;

/**
 * Gives what no frame covers its transparency back. Where some frame has a transparent colour the decoder does so itself;
 * `undefined` for these, and where all is covered all the time.
 */
export function gifReading(bytes: Buffer, header: Metadata): Reading | undefined {
  const frames = header.hasAlpha ? undefined : opaqueFrames(bytes);
  if (frames === undefined || frames.length === 0) return undefined;
  const [width, height] = [header.width, header.pageHeight ?? header.height];
  const covers = ({ left, top, right, bottom }: Frame): boolean =>
    left <= 0 && top <= 0 && right >= width && bottom >= height;
  const [first] = frames;
  const stays = frames.every(({ disposal }) => disposal !== CLEARED);
  if ((first && covers(first) && stays) || frames.every(covers)) return undefined;
  return {
    space: 'srgb',
    depth: 'uchar',
    ignoreIcc: false,
    wholeOnly: true,
    addsAlpha: true,
    toSrgb: (samples, channels) => ({ pixels: covered(samples, channels, frames, width, height), channels: 4 }),
  };
}

/** The frames; `undefined` when one has a transparent colour. */
function opaqueFrames(bytes: Buffer): Frame[] | undefined {
  const frames: Frame[] = [];
  let transparent = false;
  let disposal = 0;
  gifStructure(bytes, Number.POSITIVE_INFINITY, {
    control: (at) => {
      const flags = bytes[at + 3] ?? 0;
      transparent ||= (flags & 1) === 1;
      disposal = (flags >> 2) & 7;
    },
    image: (at) => {
      if (at + 10 > bytes.length) return;
      const [left, top] = [bytes.readUInt16LE(at + 1), bytes.readUInt16LE(at + 3)];
      const [right, bottom] = [left + bytes.readUInt16LE(at + 5), top + bytes.readUInt16LE(at + 7)];
      // Four is an old spelling of three.
      frames.push({ left, top, right, bottom, disposal: disposal === 4 ? RESTORED : disposal });
      disposal = 0;
    },
  });
  return transparent ? undefined : frames;
}

/** Frame below frame as RGBA: what a frame shows, and what frames before it left, is opaque; all else is transparent. */
function covered(samples: Samples, channels: number, frames: readonly Frame[], width: number, height: number): Buffer {
  const area = width * height;
  const count = Math.round(samples.length / channels / area);
  const pixels = Buffer.alloc(area * count * 4);
  let shown = new Uint8Array(area);
  for (let index = 0; index < count; index++) {
    const frame = frames[index];
    const before = frame?.disposal === RESTORED ? shown.slice() : undefined;
    if (frame) fill(shown, frame, width, height, 255);
    for (
      let at = 0, from = index * area * channels, to = index * area * 4;
      at < area;
      at++, from += channels, to += 4
    ) {
      if (shown[at] === 0) continue;
      pixels[to] = samples[from] as number;
      pixels[to + 1] = samples[from + 1] as number;
      pixels[to + 2] = samples[from + 2] as number;
      pixels[to + 3] = 255;
    }
    if (before) shown = before;
    else if (frame?.disposal === CLEARED) fill(shown, frame, width, height, 0);
  }
  return pixels;
}

function fill(shown: Uint8Array, frame: Frame, width: number, height: number, value: number): void {
  for (let y = frame.top; y < Math.min(height, frame.bottom); y++) {
    shown.fill(value, y * width + Math.min(width, frame.left), y * width + Math.min(width, frame.right));
  }
}
