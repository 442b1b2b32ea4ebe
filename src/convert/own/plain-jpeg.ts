// A JPEG with its tables and coded pixels alone (ITU-T T.81).

/** What is kept of an Adobe segment: its length, name, version, flags and the transform. */
const ADOBE_BYTES = 14;

/** Markers of ITU-T T.81, table B.1: of baseline, extended and progressive pictures. */
const KEPT_SEGMENTS: readonly number[] = [0xc0, 0xc1, 0xc2, 0xc4, 0xdb, 0xdd];
const [SCAN, END, ADOBE] = [0xda, 0xd9, 0xee];

/** `undefined` where something stands in it that browsers never meet. */
export function plainJpeg(bytes: Buffer): Buffer | undefined {
  const kept = [bytes.subarray(0, 2)];
  let at = 2;
  for (;;) {
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff || marker === undefined) return undefined;
    if (marker === END) return Buffer.concat([...kept, bytes.subarray(at, at + 2)]);
    if (at + 4 > bytes.length) return undefined;
    const end = at + 2 + bytes.readUInt16BE(at + 2);
    if (KEPT_SEGMENTS.includes(marker) || marker === SCAN) kept.push(bytes.subarray(at, end));
    else if (marker === ADOBE && bytes.toString('latin1', at + 4, at + 9) === 'Adobe')
      kept.push(Buffer.from([0xff, ADOBE, 0, ADOBE_BYTES]), bytes.subarray(at + 4, at + 2 + ADOBE_BYTES));
    // Other frames (arithmetic, lossless), and markers that stand alone, are met in nothing that browsers show.
    else if (marker < 0xe0 || (marker > 0xef && marker !== 0xfe)) return undefined;
    at = end;
    if (marker !== SCAN) continue;
    const next = endOfScan(bytes, at);
    kept.push(bytes.subarray(at, next));
    at = next;
  }
}

/** Where the next marker stands that is neither a restart nor a stuffed byte. */
function endOfScan(bytes: Buffer, from: number): number {
  let at = bytes.indexOf(0xff, from);
  while (at >= 0 && (bytes[at + 1] === 0 || ((bytes[at + 1] ?? 0) & 0xf8) === 0xd0)) at = bytes.indexOf(0xff, at + 2);
  return at < 0 ? bytes.length : at;
}
