// SVG documents as programs write them: any prefix, coding, prolog and kind of size gives a picture.
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Converting } from '../../support/converting.js';
import { colourDistance, meanColour } from '../../support/pixels.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start({ sourceTypes: ['svg', 'png'] });
});
afterAll(() => converting.close());

const XMLNS = 'xmlns="http://www.w3.org/2000/svg"';
const RED = '<rect width="500" height="500" fill="#ff0000"/>';
const sized = (attributes: string): string => `<svg ${XMLNS} ${attributes}>${RED}</svg>`;

async function expectRed(source: string | Buffer, size?: string): Promise<void> {
  const preview = await converting.preview(Buffer.from(source as string), 'png:-1x-1');
  const { width, height } = await sharp(preview).metadata();
  if (size !== undefined) expect(`${width}x${height}`).toBe(size);
  expect(colourDistance((await meanColour(preview)).slice(0, 3), [255, 0, 0])).toBeLessThan(2);
}

describe('sizes', () => {
  test.each([
    ['width="auto" height="auto" viewBox="0 0 120 80"', '120x80'],
    ['width="" height="" viewBox="0 0 120 80"', '120x80'],
    ['width="auto" height="40" viewBox="0 0 120 80"', '60x40'],
    ['width="10rem" height="5rem"', '160x80'],
    ['width="160Q" height="80q"', '151x76'],
    ['width="calc(1px + 2px)" height="calc(1px)" viewBox="0 0 120 80"', '120x80'],
    ['width="7furlongs" height="5furlongs" viewBox="0 0 120 80"', '120x80'],
    ['width="50vw" height="50vh" viewBox="0 0 120 80"', '120x80'],
    ['width="100%" height="100%" viewBox="0 0 120 80"', '120x80'],
    ['width="auto" height="auto"', '500x500'],
  ])('%s', async (attributes, size) => {
    await expectRed(sized(attributes), size);
  });

  test('by entities', async () => {
    await expectRed(`<!DOCTYPE svg [<!ENTITY w "120"><!ENTITY h '80'>]>${sized('width="&w;" height="&h;"')}`, '120x80');
  });

  test.each(['width="1e9rem" height="5"', 'width="&w;" height="5"'])(
    'too large stays refused: %s',
    async (attributes) => {
      const source = Buffer.from(`<!DOCTYPE svg [<!ENTITY w "1000000000">]>${sized(attributes)}`);
      await expect(converting.convert(source, ['png:8x8'])).rejects.toMatchObject({ code: 'source-limits-exceeded' });
    },
  );
});

describe('prologs, prefixes and codings', () => {
  const plain = sized('width="40" height="30"');

  test.each(['ns0', 'svg', 'a-b.c'])('the prefix %s', async (prefix) => {
    const source = `<?xml version="1.0"?><${prefix}:svg xmlns:${prefix}="http://www.w3.org/2000/svg" width="40" height="30"><${prefix}:rect width="500" height="500" fill="red"/></${prefix}:svg>`;
    await expectRed(source, '40x30');
  });

  test.each([
    ['a comment of 20 kB', `<?xml version="1.0"?><!--${'x'.repeat(20_000)}-->`],
    [
      'a document type',
      '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">',
    ],
    ['instructions and comments', '<?xml version="1.0"?>\n<?generator a > b?><!-- a --><!-- <html> -->\n'],
    ['white space', ' \n\t '],
  ])('%s', async (_name, prolog) => {
    await expectRed(prolog + plain, '40x30');
  });

  const utf16 = (text: string, bigEndian: boolean): Buffer => {
    const bytes = Buffer.from(text, 'utf16le');
    return bigEndian ? bytes.swap16() : bytes;
  };
  const words = plain.replace('<rect', '<title>Größe 日本</title><rect');

  test.each([
    ['UTF-8 with a mark', Buffer.from(`\ufeff${words}`)],
    ['UTF-16', utf16(`\ufeff<?xml version="1.0" encoding="UTF-16"?>${words}`, false)],
    ['UTF-16, big-endian', utf16(`\ufeff<?xml version="1.0" encoding="UTF-16"?>${words}`, true)],
    ['UTF-16 without a mark', utf16(words, false)],
    ['UTF-16 without a mark, big-endian', utf16(words, true)],
    [
      'Latin-1',
      Buffer.from(
        `<?xml version="1.0" encoding="ISO-8859-1"?>${plain.replace('<rect', '<title>Größe</title><rect')}`,
        'latin1',
      ),
    ],
    [
      'windows-1252',
      Buffer.from(
        `<?xml version="1.0" encoding="windows-1252"?>${plain.replace('<rect', '<title>\x93Größe\x94</title><rect')}`,
        'latin1',
      ),
    ],
    ['UTF-8 that says it is UTF-16', Buffer.from(`<?xml version="1.0" encoding="utf-16"?>${words}`)],
  ])('%s', async (_name, source) => {
    await expectRed(source, '40x30');
  });
});
