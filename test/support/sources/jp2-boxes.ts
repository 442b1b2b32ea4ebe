// Boxes in the header of a JPEG 2000 file, as opj_compress lays it out: palettes, which that program does not write.

const box = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length, 0);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
};

/**
 * `jp2` of one component with a palette in front of its colours, which are those of sRGB then. `order` tells for each channel the column it
 * is, `bits` how many those of each column have.
 */
export function withPalette(
  jp2: Buffer,
  rows: readonly (readonly number[])[],
  { order = rows[0]?.map((_, column) => column) ?? [], bits = 8 } = {},
): Buffer {
  const columns = rows[0]?.length ?? 0;
  const head = Buffer.from([
    rows.length >> 8,
    rows.length & 255,
    columns,
    ...new Array<number>(columns).fill(bits - 1),
  ]);
  const palette = box('pclr', Buffer.concat([head, Buffer.from(rows.flat())]));
  const map = box('cmap', Buffer.from(order.flatMap((column) => [0, 0, 1, column])));
  const [header, colour] = [jp2.indexOf('jp2h', 0, 'latin1') - 4, jp2.indexOf('colr', 0, 'latin1') - 4];
  const out = Buffer.concat([jp2.subarray(0, colour), palette, map, jp2.subarray(colour)]);
  out.writeUInt32BE(jp2.readUInt32BE(header) + palette.length + map.length, header);
  out.writeUInt32BE(16, colour + palette.length + map.length + 11);
  return out;
}
