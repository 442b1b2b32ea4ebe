// JPEG files that are intact but not by the letter: what decoders warn of and what harms no pixel is put right, so that
// they can be strict with everything else (ITU-T T.81, annex B; Adobe technical note 5116).
import { CodedData } from './jpeg-coded-data.js';

const [TEM, SOI, EOI, SOS, APP0, APP14] = [0x01, 0xd8, 0xd9, 0xda, 0xe0, 0xee] as const;
/** Frames of one pass over each coefficient (baseline, extended; the latter also with arithmetic coding). */
const SEQUENTIAL: readonly number[] = [0xc0, 0xc1, 0xc9];
const PROGRESSIVE: readonly number[] = [0xc2, 0xca];
const COEFFICIENTS = 64;
/** Scans that are looked at; more are left to the decoder's own limit. */
const MAX_SCANS = 1000;

interface Scan {
  /** Index of each component in the frame. */
  readonly components: readonly number[];
  readonly first: number;
  readonly last: number;
  /** The coefficients are complete after it. */
  readonly final: boolean;
  /** Whether its coded data are all there; of sequential pictures alone. */
  readonly isWhole: () => boolean;
}

interface Layout {
  /** Parts of the file without what stands between its segments. */
  readonly parts: readonly Buffer[];
  readonly changed: boolean;
  readonly endMarker: boolean;
  readonly frame: { readonly marker: number; readonly components: readonly number[] } | undefined;
  readonly scans: readonly Scan[];
}

/**
 * `bytes` with the harm undone that `said`, the decoder's words, tells of: padding between segments, scan parameters that a
 * sequential picture does not use, an unknown colour transform or version, a missing end marker behind all scans, padding
 * at the end of a scan. `undefined` when there is nothing to put right; whether it was all, only decoding again tells.
 */
export function mendedJpeg(bytes: Buffer, said: string): Buffer | undefined {
  const layout = layoutOf(bytes);
  const mended = layout.changed ? Buffer.concat([...layout.parts]) : undefined;
  if (mended) return mended;
  if (/premature end of JPEG image/i.test(said) && !layout.endMarker && isComplete(layout)) {
    return Buffer.concat([bytes, Buffer.from([0xff, EOI])]);
  }
  return withoutScanPadding(bytes, said);
}

/** Frames that are none of the DCT kinds with Huffman or arithmetic codes of one picture (table B.1). */
const OTHER_FRAMES: Readonly<Record<number, string>> = {
  195: 'lossless JPEG',
  197: 'hierarchical JPEG',
  198: 'hierarchical JPEG',
  199: 'hierarchical JPEG',
  203: 'lossless JPEG',
  205: 'hierarchical JPEG',
  206: 'hierarchical JPEG',
  207: 'hierarchical JPEG',
  247: 'JPEG-LS',
};
/** Segments before the frame header. */
const MAX_SEGMENTS = 2000;

/** Which kind of JPEG it is that is not decoded here; `undefined` for all others. */
export function jpegKind(bytes: Buffer): string | undefined {
  let at = 2;
  for (let segment = 0; segment < MAX_SEGMENTS; segment++) {
    const marker = nextMarker(bytes, at);
    if (marker === undefined || marker.at + 5 > bytes.length) return undefined;
    const code = bytes[marker.at + 1] ?? 0;
    if (OTHER_FRAMES[code] !== undefined) return OTHER_FRAMES[code];
    const precision = bytes[marker.at + 4];
    if (SEQUENTIAL.includes(code) || PROGRESSIVE.includes(code)) {
      return precision === 12 ? 'JPEG of 12-bit samples' : undefined;
    }
    if (code === SOS || code === EOI || code === SOI) return undefined;
    const isAlone = isRestart(code) || code === TEM;
    at = marker.at + 2 + (isAlone ? 0 : bytes.readUInt16BE(marker.at + 2));
  }
  return undefined;
}

/** Walks the segments as decoders do: what is no marker where one is due is passed over. */
function layoutOf(bytes: Buffer): Layout {
  const parts: Buffer[] = [bytes.subarray(0, 2)];
  const scans: Scan[] = [];
  const coded = new CodedData();
  let changed = false;
  let endMarker = false;
  let frame: Layout['frame'];
  let adobe: Buffer | undefined;
  let at = 2;
  while (at < bytes.length && scans.length < MAX_SCANS) {
    const marker = nextMarker(bytes, at);
    if (marker === undefined) break;
    changed ||= marker.skipped;
    const code = bytes[marker.at + 1] ?? 0;
    at = marker.at;
    if (code === EOI || code === SOI) {
      endMarker = code === EOI;
      break;
    }
    // Between segments restarts are nothing, and they have no length.
    if (isRestart(code) || code === TEM) {
      changed = true;
      at += 2;
      continue;
    }
    if (at + 4 > bytes.length) break;
    const segment = Buffer.from(bytes.subarray(at, at + 2 + bytes.readUInt16BE(at + 2)));
    at += 2 + bytes.readUInt16BE(at + 2);
    parts.push(segment);
    coded.segment(code, segment.subarray(4));
    if (code === APP14 && segment.toString('latin1', 4, 9) === 'Adobe') adobe = segment;
    if (code === APP0) changed = withKnownVersion(segment) || changed;
    if ((SEQUENTIAL.includes(code) || PROGRESSIVE.includes(code)) && segment.length > 9) {
      frame = { marker: code, components: componentsOf(segment, 10, 3) };
      changed = withKnownTransform(adobe, frame.components.length) || changed;
    }
    if (code !== SOS || frame === undefined) continue;
    changed = (SEQUENTIAL.includes(frame.marker) && withWholeScan(segment)) || changed;
    const end = scanEnd(bytes, at);
    scans.push(scanOf(segment, frame.components, coded.copy(), bytes.subarray(at, end)));
    parts.push(bytes.subarray(at, end));
    at = end;
  }
  parts.push(bytes.subarray(at));
  return { parts, changed, endMarker, frame, scans };
}

/** The next 0xFF with a code behind it; fill bytes (section B.1.1.2) before it are allowed. */
function nextMarker(bytes: Buffer, from: number): { readonly at: number; readonly skipped: boolean } | undefined {
  for (let at = bytes.indexOf(0xff, from); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    const code = bytes[at + 1];
    if (code === undefined) return undefined;
    if (code !== 0 && code !== 0xff) return { at, skipped: !isFill(bytes, from, at) };
  }
  return undefined;
}

function isFill(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0xff) return false;
  return true;
}

/** Where the coded data that begin at `from` end: at the next marker that is no restart. */
function scanEnd(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    const code = bytes[at + 1];
    if (code === undefined) break;
    if (code !== 0 && code !== 0xff && !isRestart(code)) return at;
  }
  return bytes.length;
}

function isRestart(code: number): boolean {
  return code >= 0xd0 && code <= 0xd7;
}

/** Component identifiers of a frame (3 bytes each) or scan (2 bytes each), whose number stands before the first. */
function componentsOf(segment: Buffer, first: number, step: number): number[] {
  const count = segment[first - 1] ?? 0;
  return Array.from({ length: Math.min(4, count) }, (_, index) => segment[first + index * step] ?? 0);
}

function scanOf(segment: Buffer, frame: readonly number[], coded: CodedData, data: Buffer): Scan {
  const components = componentsOf(segment, 5, 2).map((id) => frame.indexOf(id));
  const [first = 0, last = 0, approximation = 0] = segment.subarray(-3);
  return {
    components,
    first,
    last,
    final: (approximation & 15) === 0,
    isWhole: () => coded.isWhole(segment.subarray(4), data),
  };
}

/** Cameras of some makers write zeros there. Changes the segment; tells whether it did. */
function withWholeScan(segment: Buffer): boolean {
  const at = segment.length - 3;
  if (at < 5 || (segment[at] === 0 && segment[at + 1] === COEFFICIENTS - 1 && segment[at + 2] === 0)) return false;
  segment.set([0, COEFFICIENTS - 1, 0], at);
  return true;
}

/** Decoders take an unknown transform for the usual one of that many components. */
function withKnownTransform(adobe: Buffer | undefined, components: number): boolean {
  const at = 15;
  if (adobe === undefined || adobe.length <= at) return false;
  const usual = components === 3 ? 1 : components === 4 ? 2 : undefined;
  if (usual === undefined || adobe[at] === 0 || adobe[at] === usual) return false;
  adobe[at] = usual;
  return true;
}

function withKnownVersion(jfif: Buffer): boolean {
  const at = 9;
  if (jfif.length <= at || jfif.toString('latin1', 4, 9) !== 'JFIF\0' || jfif[at] === 1) return false;
  jfif[at] = 1;
  return true;
}

/**
 * Whether every coefficient of every component has been coded to its last bit. What is missing within a scan of a progressive
 * picture its decoder tells.
 */
function isComplete({ frame, scans }: Layout): boolean {
  if (frame === undefined) return false;
  const isSequential = SEQUENTIAL.includes(frame.marker);
  return frame.components.every((_, component) => {
    const own = scans.filter((scan) => scan.components.includes(component));
    if (isSequential) return own.length > 0 && own.every((scan) => scan.isWhole());
    return Array.from({ length: COEFFICIENTS }, (_, k) => k).every((k) =>
      own.some((scan) => scan.final && scan.first <= k && k <= scan.last),
    );
  });
}

/**
 * Without the bytes that the decoder found left over at the end of a scan or restart interval, where these are padding. Others
 * are the rest of damaged data and stay.
 */
function withoutScanPadding(bytes: Buffer, said: string): Buffer | undefined {
  const found = /(\d+) extraneous bytes before marker 0x([0-9a-f]{2})/i.exec(said);
  if (found === null) return undefined;
  const [count, code] = [Number(found[1]), Number.parseInt(found[2] ?? '', 16)];
  const start = bytes.indexOf(Buffer.from([0xff, SOS]));
  if (start < 0 || count > bytes.length) return undefined;
  for (let at = bytes.indexOf(Buffer.from([0xff, code]), start); at >= 0; ) {
    if (isPadding(bytes.subarray(at - count, at))) {
      return Buffer.concat([bytes.subarray(0, at - count), bytes.subarray(at)]);
    }
    at = bytes.indexOf(Buffer.from([0xff, code]), at + 2);
  }
  return undefined;
}

/** Zeros, or the stuffed ones that encoders of old fill up with. */
function isPadding(bytes: Buffer): boolean {
  return bytes.length > 0 && (bytes.every((byte) => byte === 0) || /^(?:ff00)+$/.test(bytes.toString('hex')));
}
