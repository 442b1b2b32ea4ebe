// Properties put into a HEIC of one picture, as heif-enc lays it out: turns and code points, which that program does not write.

/** `heic` with one more property of its picture; `essential` as the standard asks of what changes it. */
export function withProperty(heic: Buffer, type: string, body: Buffer, essential: boolean): Buffer {
  const box = Buffer.concat([Buffer.alloc(4), Buffer.from(type, 'latin1'), body]);
  box.writeUInt32BE(box.length, 0);
  const at = (name: string): number => heic.indexOf(name, 0, 'latin1') - 4;
  const [meta, iloc, iprp, ipco, ipma] = [at('meta'), at('iloc'), at('iprp'), at('ipco'), at('ipma')];
  const out = Buffer.from(heic);
  const added = box.length + 1;
  const grow = (where: number, by: number): void => void out.writeUInt32BE(out.readUInt32BE(where) + by, where);
  grow(meta, added);
  grow(iprp, added);
  grow(ipco, box.length);
  grow(ipma, 1);
  // Of its one picture: version 0, a base offset of four bytes behind number and reference.
  grow(iloc + 20, added);
  const properties = (out[ipma + 18] ?? 0) + 1;
  out[ipma + 18] = properties;
  const ipcoEnd = ipco + heic.readUInt32BE(ipco);
  const ipmaEnd = ipma + heic.readUInt32BE(ipma);
  const association = Buffer.from([(essential ? 0x80 : 0) | properties]);
  return Buffer.concat([
    out.subarray(0, ipcoEnd),
    box,
    out.subarray(ipcoEnd, ipmaEnd),
    association,
    out.subarray(ipmaEnd),
  ]);
}

/** Quarter turns against the clock. */
export function turned(heic: Buffer, quarters: number): Buffer {
  return withProperty(heic, 'irot', Buffer.from([quarters]), true);
}

/** Mirrored: 0 upside down, 1 left and right. */
export function mirrored(heic: Buffer, axis: 0 | 1): Buffer {
  return withProperty(heic, 'imir', Buffer.from([axis]), true);
}

/** Cropped to `width` and `height`, their middle so far from that of the whole. */
export function cropped(heic: Buffer, width: number, height: number, right: number, down: number): Buffer {
  const body = Buffer.alloc(32);
  for (const [index, value] of [width, height, right, down].entries()) {
    body.writeInt32BE(value, index * 8);
    body.writeInt32BE(1, index * 8 + 4);
  }
  return withProperty(heic, 'clap', body, true);
}

/** With code points of its colours (ITU-T H.273), of full range. */
export function coded(heic: Buffer, primaries: number, transfer: number): Buffer {
  const body = Buffer.from(`nclx\0\0\0\0\0\x06\x80`, 'latin1');
  body.writeUInt16BE(primaries, 4);
  body.writeUInt16BE(transfer, 6);
  return withProperty(heic, 'colr', body, false);
}
