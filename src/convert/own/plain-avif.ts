// An AVIF in which everything is zero that is not its picture: of the same length and in the same places, so that nothing has to
// be moved (ISO/IEC 14496-12 and 23008-12).

/** Items that make the picture: coded, and put together of others. */
const PICTURES: readonly string[] = ['av01', 'grid', 'iden', 'iovl'];
/** Properties that say how it is shown. */
const PROPERTIES: readonly string[] = [
  ...['ispe', 'pixi', 'av1C', 'colr', 'auxC', 'irot', 'imir', 'clap', 'pasp', 'a1op', 'a1lx', 'lsel', 'clli', 'mdcv'],
];
/** Tables of numbers alone. */
const TABLES: readonly string[] = ['pitm', 'iloc', 'iref', 'ipma'];
const HEAD_BYTES = 8;
/** Of a handler, before its name. */
const HANDLER_BYTES = 24;

interface Place {
  readonly type: string;
  readonly at: number;
  readonly body: number;
  readonly end: number;
}

/** `undefined` for what holds more than stills, or says where they lie in a way that is rare. */
export function plainAvif(bytes: Buffer): Buffer | undefined {
  const top = placesOf(bytes, 0, bytes.length);
  const meta = top?.find(({ type }) => type === 'meta');
  const inner = meta && placesOf(bytes, meta.body + 4, meta.end);
  if (!top || !meta || !inner || top.some(({ type }) => type === 'moov')) return undefined;
  const plain = Buffer.alloc(bytes.length);
  const copy = (from: number, to: number): number => bytes.copy(plain, from, from, to);
  const head = ({ at, body }: Place, isKept: boolean): void => {
    copy(at, body);
    if (!isKept) plain.write('free', at + 4, 'latin1');
  };
  for (const place of top) {
    head(place, ['ftyp', 'meta', 'mdat'].includes(place.type));
    if (place.type === 'ftyp') copy(place.body, place.end);
  }
  copy(meta.body, meta.body + 4);
  const pictures = new Set<number>();
  for (const place of inner) {
    const { type, body, end } = place;
    head(place, ['hdlr', 'iinf', 'iprp', 'idat', ...TABLES].includes(type));
    if (type === 'hdlr') copy(body, Math.min(end, body + HANDLER_BYTES));
    else if (TABLES.includes(type)) copy(body, end);
    else if (type === 'iinf' && !keepItems(bytes, place, copy, head, pictures)) return undefined;
    else if (type === 'iprp' && !keepProperties(bytes, place, copy, head)) return undefined;
  }
  const parts = partsOf(bytes, inner, pictures);
  for (const [from, to] of parts ?? []) copy(from, to);
  return parts && plain;
}

/** Boxes from `from` to `to`, of lengths in four bytes that fill the place; `undefined` for others. */
function placesOf(bytes: Buffer, from: number, to: number): Place[] | undefined {
  const places: Place[] = [];
  for (let at = from; at < to; ) {
    const length = at + HEAD_BYTES <= to ? bytes.readUInt32BE(at) : 0;
    if (length < HEAD_BYTES || at + length > to) return undefined;
    places.push({ type: bytes.toString('latin1', at + 4, at + 8), at, body: at + HEAD_BYTES, end: at + length });
    at += length;
  }
  return places;
}

type Copy = (from: number, to: number) => number;
type Head = (place: Place, isKept: boolean) => void;

/** What items are, without their names. Notes those that are pictures. */
function keepItems(bytes: Buffer, { body, end }: Place, copy: Copy, head: Head, pictures: Set<number>): boolean {
  const first = body + (bytes[body] === 0 ? 6 : 8);
  const entries = placesOf(bytes, first, end);
  if (entries === undefined) return false;
  copy(body, first);
  for (const entry of entries) {
    const idBytes = bytes[entry.body] === 2 ? 2 : 4;
    const typeAt = entry.body + 6 + idBytes;
    if (entry.type !== 'infe' || (bytes[entry.body] ?? 0) < 2 || typeAt + 4 > entry.end) return false;
    head(entry, true);
    copy(entry.body, typeAt + 4);
    if (PICTURES.includes(bytes.toString('latin1', typeAt, typeAt + 4)))
      pictures.add(bytes.readUIntBE(entry.body + 4, idBytes));
  }
  return true;
}

function keepProperties(bytes: Buffer, { body, end }: Place, copy: Copy, head: Head): boolean {
  for (const group of placesOf(bytes, body, end) ?? []) {
    head(group, group.type === 'ipco' || group.type === 'ipma');
    if (group.type === 'ipma') copy(group.body, group.end);
    if (group.type !== 'ipco') continue;
    const properties = placesOf(bytes, group.body, group.end);
    if (properties === undefined) return false;
    for (const property of properties) {
      const isProfile =
        property.type === 'colr' && bytes.toString('latin1', property.body, property.body + 4) !== 'nclx';
      const isKept = PROPERTIES.includes(property.type) && !isProfile;
      head(property, isKept);
      if (isKept) copy(property.body, property.end);
    }
  }
  return true;
}

/** Where the data of `pictures` lie, by `iloc` (8.11.3): in the file, or in `idat`. */
function partsOf(
  bytes: Buffer,
  inner: readonly Place[],
  pictures: ReadonlySet<number>,
): [number, number][] | undefined {
  const iloc = inner.find(({ type }) => type === 'iloc');
  const idat = inner.find(({ type }) => type === 'idat');
  if (iloc === undefined) return undefined;
  let at = iloc.body;
  const read = (count: number): number => {
    if (at + count > iloc.end || count > 6) return Number.NaN;
    at += count;
    return count === 0 ? 0 : bytes.readUIntBE(at - count, count);
  };
  const version = read(1);
  read(3);
  const [sizes, more] = [read(1), read(1)];
  const [offsetBytes, lengthBytes, baseBytes, indexBytes] = [
    sizes >> 4,
    sizes & 15,
    more >> 4,
    version > 0 ? more & 15 : 0,
  ];
  const parts: [number, number][] = [];
  const count = read(version < 2 ? 2 : 4);
  for (let item = 0; item < count; item++) {
    const id = read(version < 2 ? 2 : 4);
    const method = version > 0 ? read(2) & 15 : 0;
    const other = read(2);
    const base = read(baseBytes);
    for (let extents = read(2); extents > 0; extents--) {
      read(indexBytes);
      const from = base + read(offsetBytes) + (method === 1 ? (idat?.body ?? Number.NaN) : 0);
      const to = from + read(lengthBytes);
      if (!(to <= bytes.length) || method > 1 || other !== 0) return undefined;
      if (pictures.has(id)) parts.push([from, to]);
    }
    if (Number.isNaN(id)) return undefined;
  }
  return parts;
}
