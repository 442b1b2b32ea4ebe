// Whether the coded data of a sequential JPEG are all there, by reading them code by code (ITU-T T.81, annex F.2.2): of the
// last rows decoders do not tell. For files without an end marker alone; the pixels are left to the decoder.

interface Component {
  readonly id: number;
  readonly blocksWide: number;
  readonly blocksHigh: number;
}

interface Table {
  /** By length of the code: the first code, how many there are, and where their symbols begin. */
  readonly first: readonly number[];
  readonly counts: readonly number[];
  readonly starts: readonly number[];
  readonly symbols: Buffer;
}

/** What stands before a scan's coded data and decides how they are read. */
export class CodedData {
  private readonly tables = new Map<number, Table>();
  private components: readonly Component[] = [];
  private sizePx: readonly [width: number, height: number] = [0, 0];
  private restartInterval = 0;

  /** Remembers frame, tables and restart interval; other segments say nothing here. */
  segment(code: number, data: Buffer): void {
    if (code === 0xc4) this.addTables(data);
    else if (code === 0xdd && data.length >= 2) this.restartInterval = data.readUInt16BE(0);
    else if ((code === 0xc0 || code === 0xc1) && data.length >= 6) this.setFrame(data);
  }

  /** As it is now: what stands behind a scan changes the tables of later ones alone. */
  copy(): CodedData {
    const copy = new CodedData();
    for (const [id, table] of this.tables) copy.tables.set(id, table);
    copy.components = this.components;
    copy.sizePx = this.sizePx;
    copy.restartInterval = this.restartInterval;
    return copy;
  }

  /** Whether `coded`, the data behind the scan header `header`, hold every block that it promises. */
  isWhole(header: Buffer, coded: Buffer): boolean {
    const count = header[0] ?? 0;
    const parts = Array.from({ length: count }, (_, index) => {
      const component = this.components.find(({ id }) => id === header[1 + index * 2]);
      const selector = header[2 + index * 2] ?? 0;
      const [dc, ac] = [this.tables.get(selector >> 4), this.tables.get(0x10 | (selector & 15))];
      return component && dc && ac ? { component, dc, ac } : undefined;
    });
    const bits = new Bits(coded);
    for (let unit = 0, units = this.unitsOf(parts.map((part) => part?.component)); unit < units; unit++) {
      if (this.restartInterval > 0 && unit > 0 && unit % this.restartInterval === 0 && !bits.restart()) return false;
      for (const part of parts) {
        if (part === undefined) return false;
        const { blocksWide, blocksHigh } = part.component;
        const blocks = count === 1 ? 1 : blocksWide * blocksHigh;
        for (let block = 0; block < blocks; block++) if (!readBlock(bits, part.dc, part.ac)) return false;
      }
    }
    return true;
  }

  /** Minimum coded units of a scan (annex A.2): of one component, its own blocks. */
  private unitsOf(components: readonly (Component | undefined)[]): number {
    const [only] = components;
    const [width, height] = this.sizePx;
    const widest = Math.max(1, ...this.components.map(({ blocksWide }) => blocksWide));
    const highest = Math.max(1, ...this.components.map(({ blocksHigh }) => blocksHigh));
    const [wide, high] =
      components.length === 1 && only
        ? [only.blocksWide / widest, only.blocksHigh / highest]
        : [1 / widest, 1 / highest];
    return Math.ceil(Math.ceil(width * wide) / 8) * Math.ceil(Math.ceil(height * high) / 8);
  }

  private addTables(data: Buffer): void {
    for (let at = 0; at + 17 <= data.length; ) {
      const id = data[at] ?? 0;
      const counts = [0, ...data.subarray(at + 1, at + 17)];
      const total = counts.reduce((sum, count) => sum + count, 0);
      this.tables.set(id, tableOf(counts, data.subarray(at + 17, at + 17 + total)));
      at += 17 + total;
    }
  }

  private setFrame(data: Buffer): void {
    this.sizePx = [data.readUInt16BE(3), data.readUInt16BE(1)];
    this.components = Array.from({ length: Math.min(4, data[5] ?? 0) }, (_, index) => {
      const [id = 0, sampling = 0x11] = data.subarray(6 + index * 3);
      return { id, blocksWide: Math.max(1, sampling >> 4), blocksHigh: Math.max(1, sampling & 15) };
    });
  }
}

function tableOf(counts: readonly number[], symbols: Buffer): Table {
  const [first, starts]: [number[], number[]] = [[0], [0]];
  let [code, start] = [0, 0];
  for (let length = 1; length <= 16; length++) {
    code <<= 1;
    first.push(code);
    starts.push(start);
    code += counts[length] ?? 0;
    start += counts[length] ?? 0;
  }
  return { first, counts, starts, symbols };
}

function readBlock(bits: Bits, dc: Table, ac: Table): boolean {
  const size = bits.symbol(dc);
  if (size === undefined || !bits.skip(size)) return false;
  for (let k = 1; k < 64; k++) {
    const symbol = bits.symbol(ac);
    if (symbol === undefined || !bits.skip(symbol & 15)) return false;
    if ((symbol & 15) === 0 && symbol !== 0xf0) break;
    k += symbol >> 4;
  }
  return true;
}

/** Bits of coded data, up to the next marker. */
class Bits {
  private at = 0;
  private byte = 0;
  private left = 0;

  constructor(private readonly coded: Buffer) {}

  /** `undefined` when the data end or hold no such code. */
  symbol({ first, counts, starts, symbols }: Table): number | undefined {
    let code = 0;
    for (let length = 1; length <= 16; length++) {
      const bit = this.bit();
      if (bit === undefined) return undefined;
      code = (code << 1) | bit;
      const index = code - (first[length] ?? 0);
      if (index < (counts[length] ?? 0)) return symbols[(starts[length] ?? 0) + index];
    }
    return undefined;
  }

  skip(count: number): boolean {
    for (let bit = 0; bit < count; bit++) if (this.bit() === undefined) return false;
    return true;
  }

  /** Goes behind the restart marker that is due. */
  restart(): boolean {
    this.left = 0;
    while (this.coded[this.at] === 0xff && this.coded[this.at + 1] === 0xff) this.at++;
    const code = this.coded[this.at + 1] ?? 0;
    if (this.coded[this.at] !== 0xff || code < 0xd0 || code > 0xd7) return false;
    this.at += 2;
    return true;
  }

  private bit(): number | undefined {
    if (this.left === 0) {
      const byte = this.coded[this.at];
      if (byte === undefined || (byte === 0xff && this.coded[this.at + 1] !== 0)) return undefined;
      this.at += byte === 0xff ? 2 : 1;
      this.byte = byte;
      this.left = 8;
    }
    return (this.byte >> --this.left) & 1;
  }
}
