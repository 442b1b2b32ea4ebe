// JPEG files segment by segment (ITU-T T.81, annex B).

/** One segment with its length: 0xE1 is APP1, 0xE2 APP2, 0xFE a comment. */
export function jpegSegment(marker: number, data: Buffer): Buffer {
  if (data.length > 65_533) throw new RangeError(`expected at most 65533 bytes in a segment, got ${data.length}`);
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(data.length + 2, 2);
  return Buffer.concat([head, data]);
}

/** `jpeg` with segments right behind its start marker. */
export function withSegments(jpeg: Buffer, ...segments: readonly Buffer[]): Buffer {
  return Buffer.concat([jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)]);
}

/** `jpeg` with EXIF, given as its TIFF structure. */
export function withExif(jpeg: Buffer, tiff: Buffer): Buffer {
  return withSegments(jpeg, jpegSegment(0xe1, Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff])));
}

/** `profile` as APP2 segments, as many as it takes (at most 255). */
export function iccSegments(profile: Buffer): Buffer[] {
  const room = 65_533 - 14;
  const count = Math.ceil(profile.length / room);
  return Array.from({ length: count }, (_, index) =>
    jpegSegment(
      0xe2,
      Buffer.concat([
        Buffer.from('ICC_PROFILE\0', 'latin1'),
        Buffer.from([index + 1, count]),
        profile.subarray(index * room, (index + 1) * room),
      ]),
    ),
  );
}

/** `jpeg` claiming another size in its frame header (SOF0 to SOF2). */
export function withClaimedSize(jpeg: Buffer, widthPx: number, heightPx: number): Buffer {
  const claimed = Buffer.from(jpeg);
  for (let at = 2; at + 9 < claimed.length; at += 2 + claimed.readUInt16BE(at + 2)) {
    const marker = claimed[at + 1] ?? 0;
    if (marker < 0xc0 || marker > 0xc2) continue;
    claimed.writeUInt16BE(heightPx, at + 5);
    claimed.writeUInt16BE(widthPx, at + 7);
    return claimed;
  }
  throw new Error('expected a frame header, got none');
}

/** The segments up to and with the start of scan; the rest of the file is the last entry. */
export function jpegPartsOf(jpeg: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 2; at + 4 <= jpeg.length; ) {
    if (jpeg[at + 1] === 0xda) {
      parts.push(jpeg.subarray(at));
      break;
    }
    const end = at + 2 + jpeg.readUInt16BE(at + 2);
    parts.push(jpeg.subarray(at, end));
    at = end;
  }
  return parts;
}
