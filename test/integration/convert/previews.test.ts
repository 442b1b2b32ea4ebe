// What comes out of the converter for which source and format: type, size, orientation, colours, frames, nothing else.
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Converting } from '../../support/converting.js';
import {
  animation,
  COLOURED,
  cutOut,
  ENCODED,
  flat,
  frameGrey,
  image,
  jpegInOrientation,
  opaqueAlpha,
  photo,
  QUADRANT_COLOURS,
  quadrants,
} from '../../support/images.js';
import { colourDistance, meanColour, quarterColours } from '../../support/pixels.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start({ sourceTypes: ['jpeg', 'png', 'gif', 'webp', 'tiff', 'avif', 'svg'] });
});
afterAll(() => converting.close());

/** What the encoder's library calls a preview type. */
const DECODED_AS = { jpg: 'jpeg', png: 'png', webp: 'webp', avif: 'heif', gif: 'gif' } as const;

async function sizeAndType(bytes: Buffer): Promise<string> {
  const { format, width, height } = await sharp(bytes).metadata();
  return `${format} ${width}x${height}`;
}

// The contract's worked example: a 640x480 source and a 200x200 box; and a box that the source does not fill.
const SCALE_TYPES = [
  ['200x200', '200x150'],
  ['200x200~cover', '267x200'],
  ['200x200~coverandcrop', '200x200'],
  ['200x200~containforcedimension', '200x200'],
  ['200x200~auto', '200x150'],
  ['800x800', '640x480'],
  ['800x800~cover', '640x480'],
  ['800x800~coverandcrop', '800x800'],
  ['800x800~containforcedimension', '800x800'],
  ['800x800~expand', '800x600'],
  ['800x800~cover~expand', '1067x800'],
  ['-1x-1', '640x480'],
  ['-1x120', '160x120'],
] as const;

describe('sources x scale types: exact sizes', () => {
  for (const [sourceType, encodeSource] of Object.entries(ENCODED)) {
    test(`${sourceType} 640x480`, async () => {
      const source = await encodeSource(await photo(640, 480));
      const { previews } = await converting.convert(
        source,
        SCALE_TYPES.map(([box]) => `jpg:${box}`),
      );
      for (const [box, expected] of SCALE_TYPES) {
        const format = `jpg:${box.replace('~auto', '')}`;
        const preview = previews.find(({ formats }) => formats.includes(format));
        if (preview === undefined) throw new Error(`expected a preview for ${format}`);
        expect(`${preview.widthPx}x${preview.heightPx}`, box).toBe(expected);
        expect(await sizeAndType(await readFile(preview.path)), box).toBe(`jpeg ${expected}`);
      }
    });
  }
});

describe('sources x formats: exact types', () => {
  for (const [sourceType, encodeSource] of Object.entries(ENCODED)) {
    test(`${sourceType} to every preview type`, async () => {
      const source = await encodeSource(await photo(320, 240));
      for (const [type, decodedAs] of Object.entries(DECODED_AS)) {
        expect(await sizeAndType(await converting.preview(source, `${type}:100x100~coverandcrop`))).toBe(
          `${decodedAs} 100x100`,
        );
      }
    });
  }
});

describe('auto', () => {
  test('an opaque picture becomes JPEG', async () => {
    expect(await sizeAndType(await converting.preview(await ENCODED.png(await photo(80, 60)), 'auto:40x40'))).toBe(
      'jpeg 40x30',
    );
  });

  test('an alpha channel that is used becomes PNG, and stays transparent', async () => {
    const bytes = await converting.preview(
      await image(cutOut(await photo(80, 60)))
        .png()
        .toBuffer(),
      'auto:40x40',
    );
    expect(await sizeAndType(bytes)).toBe('png 40x30');
    const [, , , alpha] = await meanColour(bytes, { left: 0, top: 0, width: 2, height: 2 });
    expect(alpha).toBe(0);
  });

  test('an alpha channel that no pixel uses becomes JPEG', async () => {
    const bytes = await converting.preview(
      await image(opaqueAlpha(await photo(80, 60)))
        .png()
        .toBuffer(),
      'auto:40x40',
    );
    expect(await sizeAndType(bytes)).toBe('jpeg 40x30');
  });

  test('one single pixel that is not quite opaque is use', async () => {
    const pixels = opaqueAlpha(await photo(80, 60));
    pixels.data[80 * 60 * 4 - 1] = 254;
    expect(await sizeAndType(await converting.preview(await image(pixels).png().toBuffer(), 'auto:40x40'))).toBe(
      'png 40x30',
    );
  });

  test('an animation stays what it is', async () => {
    expect(await sizeAndType(await converting.preview(await animation('gif'), 'auto:40x40'))).toBe('gif 40x30');
    expect(await sizeAndType(await converting.preview(await animation('webp'), 'auto:40x40'))).toBe('webp 40x30');
  });

  test('an SVG is drawn', async () => {
    const svg = Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60"><rect width="80" height="60" fill="#204060"/></svg>',
    );
    const bytes = await converting.preview(svg, 'auto:40x40');
    expect(await sizeAndType(bytes)).toBe('jpeg 40x30');
    expect(colourDistance(await meanColour(bytes), [0x20, 0x40, 0x60])).toBeLessThan(3);
  });
});

describe('padding and transparency', () => {
  test.each(['png', 'webp', 'avif', 'gif'])('%s is padded with transparency', async (type) => {
    const bytes = await converting.preview(
      await ENCODED.png(flat(40, 20, [200, 40, 40])),
      `${type}:40x40~containforcedimension`,
    );
    expect((await meanColour(bytes, { left: 0, top: 0, width: 40, height: 8 }))[3]).toBe(0);
    expect((await meanColour(bytes, { left: 0, top: 12, width: 40, height: 16 }))[3]).toBe(255);
  });

  test('JPEG is padded with white', async () => {
    const bytes = await converting.preview(
      await ENCODED.png(flat(40, 20, [200, 40, 40])),
      'jpg:40x56~containforcedimension',
    );
    expect(
      colourDistance(await meanColour(bytes, { left: 0, top: 0, width: 40, height: 8 }), [255, 255, 255]),
    ).toBeLessThan(3);
  });

  test('transparency becomes white in JPEG', async () => {
    const bytes = await converting.preview(
      await image(cutOut(await photo(80, 80)))
        .png()
        .toBuffer(),
      'jpg:80x80',
    );
    expect(
      colourDistance(await meanColour(bytes, { left: 0, top: 0, width: 8, height: 8 }), [255, 255, 255]),
    ).toBeLessThan(3);
  });
});

describe('EXIF orientation', () => {
  const { topLeft, topRight, bottomLeft, bottomRight } = QUADRANT_COLOURS;

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('%i comes out upright by its pixels', async (orientation) => {
    const source = await jpegInOrientation(quadrants(160, 96), orientation);
    const { info, previews } = await converting.convert(source, ['png:80x80']);
    expect([info.widthPx, info.heightPx, info.orientation]).toEqual([160, 96, orientation]);
    const bytes = await readFile(previews[0]?.path ?? '');
    expect(await sizeAndType(bytes)).toBe('png 80x48');
    const colours = await quarterColours(bytes);
    for (const [quarter, expected] of [topLeft, topRight, bottomLeft, bottomRight].entries()) {
      expect(colourDistance(colours[quarter] ?? [], expected), `quarter ${quarter}`).toBeLessThan(8);
    }
  });

  test('norotate leaves the picture as it is stored', async () => {
    // Orientation 6: row 0 of the stored picture is the right side of the upright one, from the top.
    const bytes = await converting.preview(await jpegInOrientation(quadrants(160, 96), 6), 'png:80x80~norotate');
    expect(await sizeAndType(bytes)).toBe('png 48x80');
    const colours = await quarterColours(bytes);
    for (const [quarter, expected] of [topRight, bottomRight, topLeft, bottomLeft].entries()) {
      expect(colourDistance(colours[quarter] ?? [], expected), `quarter ${quarter}`).toBeLessThan(8);
    }
  });

  test('upright and stored previews come from one decode', async () => {
    converting.metrics.reset();
    const { previews } = await converting.convert(await jpegInOrientation(quadrants(160, 96), 8), [
      'png:80x80',
      'png:80x80~norotate',
    ]);
    expect(previews.map(({ widthPx, heightPx }) => `${widthPx}x${heightPx}`)).toEqual(['80x48', '48x80']);
    expect(converting.metrics.total('decodes_total')).toBe(1);
  });
});

describe('colours are sRGB', () => {
  const colour = [60, 140, 90] as const;
  // Its luminance by IEC 61966-2-1: to linear light, weighed, and back.
  const linear = (value: number): number =>
    value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = 0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2]);
  const level = (1.055 * luminance ** (1 / 2.4) - 0.055) * 255;
  const grey = [level, level, level] as const;
  // Tolerances: 3 for rounding and lossy JPEG; 15 for CMYK, whose inks reach neither every colour nor full black.
  test.each([
    ['cmykJpeg', colour, 15],
    ['sixteenBitPng', colour, 2],
    ['sixteenBitTiff', colour, 2],
    ['greyJpeg', grey, 3],
    ['greyPng', grey, 2],
    ['palettePng', colour, 2],
    ['displayP3Jpeg', colour, 3],
    ['displayP3Png', colour, 3],
  ] as const)('%s', async (kind, expected, tolerance) => {
    const source = await COLOURED[kind](flat(64, 48, colour));
    const bytes = await converting.preview(source, 'png:32x32');
    const { space, channels, depth } = await sharp(bytes).metadata();
    expect({ space, channels, depth }).toEqual({ space: 'srgb', channels: 3, depth: 'uchar' });
    expect(colourDistance(await meanColour(bytes), expected)).toBeLessThanOrEqual(tolerance);
  });

  test('the Display P3 source really holds other numbers than the preview', async () => {
    const source = await COLOURED.displayP3Png(flat(64, 48, colour));
    const stored = await sharp(source, { ignoreIcc: true }).raw().toBuffer();
    expect(colourDistance([...stored.subarray(0, 3)], colour)).toBeGreaterThan(8);
  });
});

describe('animation', () => {
  const delaysMs = [100, 50, 200, 70, 90];

  test.each(['gif', 'webp'] as const)('%s keeps frames, delays and loop', async (type) => {
    const source = await animation(type, { delaysMs, loop: 3 });
    const bytes = await converting.preview(source, 'auto:80x80');
    const { pages, delay, loop, width, height } = await sharp(bytes).metadata();
    expect({ pages, delay, loop, width, height }).toEqual({
      pages: 5,
      delay: delaysMs,
      loop: 3,
      width: 80,
      height: 60,
    });
  });

  test.each([
    ['gif', '~coverandcrop'],
    ['gif', '~containforcedimension'],
    ['webp', '~coverandcrop'],
    ['webp', '~containforcedimension'],
  ] as const)('%s%s is worked frame by frame', async (type, scaleType) => {
    const bytes = await converting.preview(await animation(type, { delaysMs }), `auto:80x80${scaleType}`);
    const { pages, width, pageHeight, height } = await sharp(bytes, { pages: -1 }).metadata();
    expect({ pages, width, pageHeight, height }).toEqual({ pages: 5, width: 80, pageHeight: 80, height: 400 });
    for (let page = 0; page < 5; page++) {
      const frame = await sharp(bytes, { page }).png().toBuffer();
      const [red] = await meanColour(frame, { left: 0, top: 30, width: 80, height: 20 });
      expect(Math.abs((red ?? Number.NaN) - frameGrey(page)), `frame ${page}`).toBeLessThan(4);
    }
  });

  test('GIF keeps frames that are equal', async () => {
    const frames = Buffer.alloc(40 * 30 * 3 * 3, 90);
    const source = await sharp(frames, { raw: { width: 40, height: 90, channels: 3, pageHeight: 30 }, animated: true })
      .gif({ delay: [40, 50, 60], keepDuplicateFrames: true })
      .toBuffer();
    const { pages, delay } = await sharp(await converting.preview(source, 'auto:20x20')).metadata();
    expect({ pages, delay }).toEqual({ pages: 3, delay: [40, 50, 60] });
  });

  test('a still preview of an animation is its first frame', async () => {
    const bytes = await converting.preview(await animation('gif', { delaysMs }), 'png:80x80');
    expect(await sizeAndType(bytes)).toBe('png 80x60');
    expect(colourDistance(await meanColour(bytes), [20, 20, 20])).toBeLessThan(3);
  });
});

describe('metadata', () => {
  test('previews carry no EXIF, XMP, IPTC or profile', async () => {
    const source = await image(await photo(160, 120))
      .withIccProfile('p3')
      .withExif({
        IFD0: { Copyright: 'somebody', Model: 'camera' },
        IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 0/1' },
      })
      .withXmp(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>',
      )
      .jpeg()
      .toBuffer();
    const before = await sharp(source).metadata();
    expect([before.exif, before.xmp, before.icc].map((block) => block !== undefined)).toEqual([true, true, true]);
    for (const type of ['jpg', 'png', 'webp', 'avif', 'gif']) {
      const { exif, xmp, iptc, icc, hasProfile } = await sharp(
        await converting.preview(source, `${type}:80x80`),
      ).metadata();
      expect({ exif, xmp, iptc, icc, hasProfile }, type).toEqual({ hasProfile: false });
    }
  });

  test('a PNG preview claims no density, and is whole without', async () => {
    const bytes = await converting.preview(
      await image(cutOut(await photo(160, 120)))
        .png()
        .toBuffer(),
      'auto:80x80',
    );
    expect(bytes.includes('pHYs')).toBe(false);
    const { info } = await sharp(bytes, { failOn: 'warning' }).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([80, 60, 4]);
  });

  test('the tags of the source are told', async () => {
    const source = await image(await photo(160, 120))
      .withExif({
        IFD0: { Copyright: 'somebody', Model: 'camera' },
        IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 0/1' },
      })
      .jpeg()
      .toBuffer();
    const { metadata } = await converting.convert(source, ['auto:40x40']);
    expect(metadata.File).toEqual({ 'File Size': String(source.length) });
    expect(metadata.Exif).toMatchObject({ Copyright: 'somebody', Model: 'camera' });
    expect(metadata.Place?.Latitude).toBe('51.5');
    expect(metadata.GPS?.['GPS Latitude Ref']).toBe('North latitude');
  });

  test('the tags of the source are called as the original calls them', async () => {
    const source = await image(await photo(160, 120))
      .withExif({
        IFD0: { Make: 'Maker', DateTime: '2026:11:28 10:00:00' },
        IFD2: {
          FNumber: '28/10',
          ExposureTime: '1/125',
          DateTimeOriginal: '2026:11:27 09:00:00',
          ISOSpeedRatings: '200',
          FocalLengthIn35mmFilm: '50',
          LensModel: 'a lens',
        },
        IFD3: { GPSLongitudeRef: 'W', GPSLongitude: '9/1 0/1 0/1', GPSDateStamp: '2026:11:27' },
      })
      .jpeg()
      .toBuffer();
    const { metadata } = await converting.convert(source, ['auto:40x40']);
    expect(metadata.Exif).toMatchObject({
      Make: 'Maker',
      'Date/Time': '2026:11:28 10:00:00',
      'Date/Time Original': '2026:11:27 09:00:00',
      'F-Number': 'f/2.8',
      'Exposure Time': '1/125',
      'ISO Speed Ratings': '200',
      'Focal Length 35': '50 mm',
      'Lens Model': 'a lens',
      'Exif Image Width': '160',
      'Exif Image Height': '120',
    });
    expect(metadata.GPS).toEqual({
      'GPS Longitude Ref': 'West longitude',
      'GPS Longitude': '9',
      'GPS Date Stamp': '2026:11:27',
    });
    expect(metadata.Place).toEqual({ Longitude: '-9' });
    // Where a directory lies is nothing that anybody asks for.
    expect(Object.keys(metadata.Exif ?? {}).filter((label) => label.includes('Pointer'))).toEqual([]);
  });

  test('packets that stand in tags of a TIFF are told by what they say, and not once more byte by byte', async () => {
    const xmp =
      '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description ' +
      'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="a tool"/></rdf:RDF></x:xmpmeta>';
    const tiff = await image(await photo(40, 30))
      .withXmp(xmp)
      .tiff()
      .toBuffer();
    const { metadata } = await converting.convert(tiff, ['auto:20x20']);
    expect(metadata.XMP).toMatchObject({ CreatorTool: 'a tool' });
    expect(Object.values(metadata.Exif ?? {}).filter((text) => /^\d+(, ?\d+){20}/.test(text))).toEqual([]);
    expect(Object.keys(metadata.Exif ?? {})).not.toContain('Application Notes');
  });

  test('without EXIF there are the header, the file and what the source is alone', async () => {
    const { metadata } = await converting.convert(await ENCODED.png(await photo(40, 30)), ['auto:20x20']);
    expect(Object.keys(metadata)).toEqual(['File', 'Source']);
  });

  test('a damaged EXIF block gives no tags and costs nothing else', async () => {
    const good = await image(await photo(80, 60))
      .withExif({ IFD0: { Model: 'camera' } })
      .jpeg()
      .toBuffer();
    const at = good.indexOf('Exif\0\0', 0, 'latin1') + 6;
    const bad = Buffer.from(good);
    bad.fill(0xff, at + 8, at + 20);
    const { metadata, previews } = await converting.convert(bad, ['auto:40x40']);
    expect(previews).toHaveLength(1);
    expect(metadata.Exif?.Model).toBeUndefined();
  });
});

describe('equal previews', () => {
  test('formats that give the same picture are one preview with all their names', async () => {
    const { previews } = await converting.convert(await ENCODED.jpeg(await photo(100, 80)), [
      'auto:800x800',
      'auto:1920x1080',
      'jpg:100x80~cover',
    ]);
    expect(previews.map(({ formats }) => formats)).toEqual([['auto:800x800', 'auto:1920x1080', 'jpg:100x80~cover']]);
    expect(await readFile(previews[0]?.path ?? '')).toHaveLength(previews[0]?.bytes ?? 0);
  });
});
