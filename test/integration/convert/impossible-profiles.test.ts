// A colour profile that cannot be is passed over: the picture is shown as if it had none, in every type that can hold one and is
// not decoded to sRGB elsewhere (JPEG XL). A
// profile that is merely odd is applied.
import { deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SOURCE_TYPES } from '../../../src/kernel/source.js';
import { Converting } from '../../support/converting.js';
import { pngChunk, pngChunksOf } from '../../support/hostile/png.js';
import { gammaCurve, greyProfile, rgbProfile } from '../../support/icc.js';
import { image, type Pixels, photo } from '../../support/images.js';
import { IMPOSSIBLE_GREY, IMPOSSIBLE_RGB, ODD_RGB } from '../../support/impossible-profiles.js';
import { bmpOf, icoOf } from '../../support/sources/bitmaps.js';
import { psdOf } from '../../support/sources/psds.js';
import { rawOf } from '../../support/sources/raws.js';
import { heicOf, jp2Of } from '../../support/sources/tool-made.js';
import { epubOf, openDocument } from '../../support/sources/zips.js';

let converting: Converting;
let pixels: Pixels;
beforeAll(async () => {
  converting = await Converting.start({ sourceTypes: SOURCE_TYPES, recycleAfterJobs: 100_000 });
  pixels = await photo(48, 32);
});
afterAll(() => converting.close());

type Space = 'srgb' | 'rgb16' | 'b-w' | 'grey16';
type Encoder = (profile: Buffer | undefined) => Promise<Buffer> | Buffer;

function png(space: Space): Promise<Buffer> {
  const drawn = image(pixels);
  return (space === 'b-w' || space === 'grey16' ? drawn.greyscale() : drawn).toColourspace(space).png().toBuffer();
}

/** `png` with a profile, or as it is. */
function profiled(png: Buffer, profile: Buffer | undefined): Buffer {
  if (profile === undefined) return png;
  const [header = Buffer.alloc(0), ...rest] = pngChunksOf(png);
  const chunk = pngChunk('iCCP', Buffer.concat([Buffer.from('x\0\0', 'latin1'), deflateSync(profile)]));
  return Buffer.concat([png.subarray(0, 8), header, chunk, ...rest]);
}

/**
 * What `encode` makes of a picture, with that profile: encoders leave out what they know to be damaged, so they are given a sound one of the same
 * length, in whose place it is written then. Without a profile the encoder is given none.
 */
async function standingIn(
  space: Space,
  profile: Buffer | undefined,
  encode: (png: Buffer) => Promise<Buffer>,
): Promise<Buffer> {
  if (profile === undefined) return encode(await png(space));
  const sound = space === 'b-w' || space === 'grey16' ? greyProfile(gammaCurve(1)) : rgbProfile(gammaCurve(1));
  const bytes = Math.max(sound.length, profile.length);
  const [placeholder, written] = [Buffer.alloc(bytes), Buffer.alloc(bytes)];
  sound.copy(placeholder);
  placeholder.writeUInt32BE(bytes, 0);
  profile.copy(written);
  const encoded = Buffer.from(await encode(profiled(await png(space), placeholder)));
  const at = encoded.indexOf(placeholder);
  if (at < 0) throw new Error('expected the profile to lie in the file as it is');
  written.copy(encoded, at);
  return encoded;
}

type Encoding = (from: Sharp) => Sharp;
const encoding =
  (space: Space, encode: Encoding) =>
  (profile: Buffer | undefined): Promise<Buffer> =>
    standingIn(space, profile, (from) => encode(sharp(from).toColourspace(space).keepIccProfile()).toBuffer());

/** `gif` with the application extension that holds a profile (1,012 of them are known to). */
function gifWith(gif: Buffer, profile: Buffer | undefined): Buffer {
  if (profile === undefined) return gif;
  const blocks = Array.from({ length: Math.ceil(profile.length / 255) }, (_, at) => {
    const part = profile.subarray(at * 255, (at + 1) * 255);
    return Buffer.concat([Buffer.from([part.length]), part]);
  });
  const extension = Buffer.concat([Buffer.from('!\xff\x0bICCRGBG1012', 'latin1'), ...blocks, Buffer.from([0])]);
  const flags = gif[10] ?? 0;
  const behind = 13 + (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  return Buffer.concat([gif.subarray(0, behind), extension, gif.subarray(behind)]);
}

/** `jp2` with its colours told by a profile instead of a number. */
function jp2With(jp2: Buffer, profile: Buffer | undefined): Buffer {
  if (profile === undefined) return jp2;
  const [header, colour] = [jp2.indexOf('jp2h') - 4, jp2.indexOf('colr') - 4];
  const length = jp2.readUInt32BE(colour);
  const box = Buffer.concat([Buffer.from('\0\0\0\0colr\x02\0\0', 'latin1'), profile]);
  box.writeUInt32BE(box.length, 0);
  const out = Buffer.concat([jp2.subarray(0, colour), box, jp2.subarray(colour + length)]);
  out.writeUInt32BE(jp2.readUInt32BE(header) + box.length - length, header);
  return out;
}

const jpeg = encoding('srgb', (from) => from.jpeg({ quality: 95 }));
const profiledPng = (space: Space) => async (profile: Buffer | undefined) => profiled(await png(space), profile);

const RGB_TYPES: readonly (readonly [type: string, encode: Encoder])[] = [
  ['JPEG', jpeg],
  ['PNG', profiledPng('srgb')],
  ['PNG of a palette', async (profile) => profiled(await image(pixels).png({ palette: true }).toBuffer(), profile)],
  ['PNG of 16 bits', profiledPng('rgb16')],
  ['TIFF', encoding('srgb', (from) => from.tiff({ compression: 'lzw' }))],
  ['TIFF of 16 bits', encoding('rgb16', (from) => from.tiff({ compression: 'none' }))],
  ['WebP', encoding('srgb', (from) => from.webp({ lossless: true }))],
  ['AVIF', encoding('srgb', (from) => from.avif({ lossless: true }))],
  ['AVIF of 10 bits', encoding('rgb16', (from) => from.avif({ bitdepth: 10, quality: 90 }))],
  ['GIF', async (profile) => gifWith(await image(pixels).gif().toBuffer(), profile)],
  ['BMP', (profile) => bmpOf(48, 32, { header: 124, ...(profile && { icc: profile }) })],
  ['ICO', async (profile) => icoOf([{ png: profiled(await png('srgb'), profile) }])],
  ['HEIC', (profile) => standingIn('srgb', profile, (from) => heicOf(from))],
  ['HEIC of 10 bits', (profile) => standingIn('rgb16', profile, (from) => heicOf(from, '-b', '10'))],
  ['PSD', (profile) => psdOf(pixels, profile ? { icc: profile } : {})],
  ['PSD of 16 bits', (profile) => psdOf(pixels, { bits: 16, ...(profile && { icc: profile }) })],
  ['JPEG 2000', async (profile) => jp2With(await jp2Of(await png('srgb'), 'jp2'), profile)],
  ['camera raw', async (profile) => rawOf('dng', [await jpeg(profile)], 1)],
  ['Office', async (profile) => openDocument(profiled(await png('srgb'), profile))],
  ['EPUB', async (profile) => epubOf(await jpeg(profile))],
];

async function shown(source: Buffer, format: string = FORMATS[0]): Promise<Buffer> {
  return sharp(await converting.preview(source, format))
    .raw()
    .toBuffer();
}

const FORMATS = ['png:-1x-1', 'png:20x20'] as const;
/** What is shown of each type without a profile: the same for all of its profiles. */
const unprofiled = new Map<Encoder, Promise<{ source: Buffer; pictures: readonly Buffer[] }>>();

function withoutProfile(encode: Encoder) {
  const made = async () => {
    const source = await encode(undefined);
    return { source, pictures: [await shown(source, FORMATS[0]), await shown(source, FORMATS[1])] };
  };
  const found = unprofiled.get(encode) ?? made();
  unprofiled.set(encode, found);
  return found;
}

async function expectPassedOver(encode: Encoder, profile: Buffer): Promise<void> {
  const [plain, odd] = [await withoutProfile(encode), await encode(profile)];
  expect(plain.source.equals(odd)).toBe(false);
  for (const [index, format] of FORMATS.entries()) {
    expect((await shown(odd, format)).equals(plain.pictures[index] as Buffer)).toBe(true);
  }
  const { metadata } = await converting.convert(odd, ['png:8x8']);
  expect(metadata.Source?.colorProfile).toBeUndefined();
}

/** One of each kind of what may be wrong, for each type; all of them for those that are decoded in a way of their own. */
const SOME = ['red and blue of no light', 'a power of nothing', 'a table of tags cut short', 'CMYK'];

describe.each(RGB_TYPES)('%s', (_type, encode) => {
  test.each(IMPOSSIBLE_RGB.filter(([what]) => SOME.includes(what)))('%s', (_what, profile) =>
    expectPassedOver(encode, profile),
  );
});

describe.each(RGB_TYPES.filter(([type]) => ['JPEG', 'PNG of 16 bits'].includes(type)))('%s, also', (_type, encode) => {
  test.each(IMPOSSIBLE_RGB.filter(([what]) => !SOME.includes(what)))('%s', (_what, profile) =>
    expectPassedOver(encode, profile),
  );

  test.each(ODD_RGB)('applied: %s', async (_what, profile) => {
    const [plain, odd] = [await withoutProfile(encode), await encode(profile)];
    expect((await shown(odd)).equals(plain.pictures[0] as Buffer)).toBe(false);
  });
});

describe.each<[string, Encoder]>([
  ['JPEG', encoding('b-w', (from) => from.jpeg({ quality: 95 }))],
  ['PNG', profiledPng('b-w')],
  ['PNG of 16 bits', profiledPng('grey16')],
  ['TIFF', encoding('b-w', (from) => from.tiff({ compression: 'lzw' }))],
  ['TIFF of 16 bits', encoding('grey16', (from) => from.tiff({ compression: 'none' }))],
])('grey %s', (_type, encode) => {
  test.each(IMPOSSIBLE_GREY)('%s', (_what, profile) => expectPassedOver(encode, profile));
});
