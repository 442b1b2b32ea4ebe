// Faxes of Group 3 with lines that were hurt on their way: shown while every line is there, refused where lines are missing.
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Converting } from '../../support/converting.js';
import { LONG, SHORT, type Tag, tiffPicture } from '../../support/tiff-picture.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start();
});
afterAll(() => converting.close());

const [WIDTH, HEIGHT] = [64, 40];
/** Codes of ITU-T T.4: 20 white, 20 black, 24 white; the end of a line. */
const [WHITE_20, BLACK_20, WHITE_24, END] = ['0001000', '00001101000', '0101000', '000000000001'] as const;
const WHOLE = END + WHITE_20 + BLACK_20 + WHITE_24;

interface Fax {
  /** Codes of each line. */
  readonly lines: readonly string[];
  readonly isLowFirst?: boolean;
  /** Each end of a line ends a byte. */
  readonly isAligned?: boolean;
  readonly rowsPerStrip?: number;
}

function codedLines(lines: readonly string[], { isAligned = false, isLowFirst = false }: Fax): Buffer {
  let bits = '';
  for (const line of lines) {
    if (isAligned) while ((bits.length + END.length) % 8 !== 0) bits += '0';
    bits += line;
  }
  while (bits.length % 8 !== 0) bits += '0';
  const byte = (text: string): number => Number.parseInt(isLowFirst ? [...text].reverse().join('') : text, 2);
  return Buffer.from(bits.match(/.{8}/g)?.map(byte) ?? []);
}

/** Strips as rows of a picture of bytes, told to be a fax. */
function faxOf(fax: Fax, height = HEIGHT): Buffer {
  const rows = fax.rowsPerStrip ?? height;
  const strips: Buffer[] = [];
  for (let from = 0; from < height; from += rows) strips.push(codedLines(fax.lines.slice(from, from + rows), fax));
  const stripBytes = Math.max(...strips.map(({ length }) => length));
  const tags: Tag[] = [
    [256, LONG, [WIDTH]],
    [257, LONG, [height]],
    [258, SHORT, [1]],
    [259, SHORT, [3]],
    [266, SHORT, [fax.isLowFirst ? 2 : 1]],
    [278, LONG, [rows]],
    [292, LONG, [fax.isAligned ? 4 : 0]],
  ];
  return tiffPicture({
    widthPx: stripBytes,
    heightPx: strips.length,
    bits: 8,
    bands: 1,
    photometric: 0,
    rowsPerStrip: 1,
    sample: (x, y) => strips[y]?.[x] ?? 0,
    tags,
  });
}

function lines(hurt: readonly number[], line: string, count = HEIGHT): string[] {
  return Array.from({ length: count }, (_, index) => (hurt.includes(index) ? line : WHOLE));
}

/** Rows that are white, black and white as they were sent. */
async function rightRows(source: Buffer): Promise<number> {
  const { data, info } = await sharp(await converting.preview(source, 'png:-1x-1'))
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([WIDTH, HEIGHT]);
  const isRight = (y: number): boolean =>
    Array.from(
      { length: WIDTH },
      (_, x) => (data[(y * WIDTH + x) * info.channels] ?? 0) < 128 === (x >= 20 && x < 40),
    ).every(Boolean);
  return Array.from({ length: HEIGHT }, (_, y) => y).filter(isRight).length;
}

const KINDS = {
  'from high bits': {},
  'from low bits': { isLowFirst: true },
  'with ends of lines at bytes': { isAligned: true },
  'in strips of 8 rows': { rowsPerStrip: 8 },
} as const;

describe.each(Object.entries(KINDS))('%s', (_name, kind) => {
  test('a whole one is shown', async () => {
    expect(await rightRows(faxOf({ ...kind, lines: lines([], '') }))).toBe(HEIGHT);
  });

  test.each([
    ['ends too early', END + WHITE_20 + BLACK_20],
    ['is empty', END],
    ['is too long', END + WHITE_20 + BLACK_20 + WHITE_24 + BLACK_20 + WHITE_24],
  ])('one with three lines of which each %s is shown, the others as they were sent', async (_what, line) => {
    expect(await rightRows(faxOf({ ...kind, lines: lines([5, 17, 30], line) }))).toBeGreaterThanOrEqual(HEIGHT - 6);
  });

  test.each([
    ['a hurt line that is cut behind it', lines([3], END + WHITE_20 + BLACK_20).slice(0, 20)],
    ['a code that is none', lines([3], `${END}${WHITE_20}00000000111`)],
  ])('one with %s is refused', async (_what, sent) => {
    const fax = faxOf({ ...kind, lines: sent });
    await expect(converting.convert(fax, ['png:-1x-1'])).rejects.toMatchObject({ code: 'source-undecodable' });
  });
});
