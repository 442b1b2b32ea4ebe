// What the headers of AV1 and HEVC tell of colours, and how their bits are read: from the highest of each byte on.

export interface CodedColours {
  /** Code points (ITU-T H.273); 2 is "not told". */
  readonly primaries: number;
  readonly transfer: number;
  readonly hasFullRange: boolean;
  /** Without chroma. */
  readonly isGrey: boolean;
}

export const NOT_TOLD = 2;

export class HeaderBits {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  /** A number of so many bits, at most 32; zeros behind the end, which `isWhole` tells. */
  read(count: number): number {
    let value = 0;
    for (let index = 0; index < count; index++, this.at++)
      value = value * 2 + (((this.bytes[this.at >> 3] ?? 0) >> (7 - (this.at & 7))) & 1);
    return value;
  }

  flag(): boolean {
    return this.read(1) === 1;
  }

  skip(bits: number): void {
    this.at += bits;
  }

  /** Exp-Golomb (ITU-T H.265, 9.2), of at most 32 bits: `uvlc` of AV1 is the same. */
  golomb(): number {
    let zeros = 0;
    while (zeros < 32 && this.isWhole() && !this.flag()) zeros++;
    return 2 ** zeros - 1 + this.read(zeros);
  }

  /** Whether all that was read was there. */
  isWhole(): boolean {
    return this.at <= this.bytes.length * 8;
  }
}
