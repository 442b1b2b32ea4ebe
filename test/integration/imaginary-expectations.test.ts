// What the public tests of imaginary expect of it, asked of this server over HTTP: sizes, words and numbers as its clients write them,
// colours, and what it refuses. Written from what they prove.
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { flat, image, photo } from '../support/images.js';
import { colourDistance, meanColour, psnrDb } from '../support/pixels.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';

let dir: TempDir;
let server: ServerProcess;
/** 120x80, of one colour. */
let flatPng: Buffer;

beforeAll(async () => {
  dir = await tempDir();
  server = await startServerProcess({
    PROOFSHEET_DATA_DIR: dir.path,
    PROOFSHEET_DIALECTS: 'image-converter,imaginary',
  });
  flatPng = await pngOf(120, 80);
});
afterAll(async () => {
  server.kill('SIGTERM');
  await server.gone;
  await dir.remove();
});

const pngOf = (width: number, height: number) =>
  image(flat(width, height, [40, 90, 160]))
    .png()
    .toBuffer();
const post = (path: string, body: Buffer) =>
  fetch(`${server.origin}/imaginary${path}`, { method: 'POST', body: new Uint8Array(body) });
const pipeline = (operations: string) => `/pipeline?operations=${encodeURIComponent(operations)}`;
const one = (operation: string, params: unknown) => pipeline(JSON.stringify([{ operation, params }]));

async function picture(path: string, body: Buffer): Promise<Buffer> {
  const answer = await post(path, body);
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect([path, answer.status, answer.status === 200 ? '' : bytes.toString()]).toEqual([path, 200, '']);
  return bytes;
}

async function sizeOf(path: string, body: Buffer): Promise<string> {
  const { width, height } = await sharp(await picture(path, body)).metadata();
  return `${width}x${height}`;
}

test.each([
  ['1280x1000', '710x9999', '710x555'],
  ['1279x1000', '710x9999', '710x555'],
  ['900x500', '312x312', '312x173'],
  ['900x500', '313x313', '313x174'],
  ['1299x2000', '710x999', '649x999'],
  ['1500x2000', '710x999', '710x947'],
])('%s fits into %s as %s', async (source, box, expected) => {
  const [width = 0, height = 0] = source.split('x').map(Number);
  const [boxWidth, boxHeight] = box.split('x');
  expect(await sizeOf(`/fit?width=${boxWidth}&height=${boxHeight}`, await pngOf(width, height))).toBe(expected);
});

describe('a number', () => {
  test.each([
    ['1', '1x80'],
    ['0100', '100x80'],
    ['-100', '100x80'],
    ['99.02', '99x80'],
    ['99.9', '100x80'],
    ['1e1', '10x80'],
    ['%2B7', '7x80'],
    ['0.5', '1x80'],
  ])('%s of a query is rounded, and has no sign', async (width, expected) => {
    expect(await sizeOf(`/crop?width=${width}`, flatPng)).toBe(expected);
  });

  test.each([
    ['"20"', '20x80'],
    ['20', '20x80'],
    ['20.0', '20x80'],
    ['20.9', '20x80'],
    ['"20.9"', '21x80'],
  ])('%s of a pipeline is cut where it is no text', async (width, expected) => {
    expect(await sizeOf(pipeline(`[{"operation":"crop","params":{"width":${width}}}]`), flatPng)).toBe(expected);
  });

  test.each(['NaN', 'Infinity', '-Infinity', '1e400', '0x10', '5px', '1,5', '%205', 'e5', '.', '-', '%00', 'null'])(
    '%s is none',
    async (width) => {
      expect((await post(`/crop?width=${width}`, flatPng)).status).toBe(400);
    },
  );

  test('beyond what is drawn is refused, or bounded where it may be, and never a failure of the server', async () => {
    for (const width of ['1e308', '99999999999999999999', '9'.repeat(300)]) {
      expect([width, await sizeOf(`/fit?width=${width}&height=${width}`, flatPng)]).toEqual([width, '120x80']);
      expect((await post(`/enlarge?width=${width}&height=10`, flatPng)).status).toBe(400);
    }
    for (const width of ['1e999', '-1e999', '-5', '0.2', '[]', '{}', 'true', '"NaN"'])
      expect([
        width,
        (await post(pipeline(`[{"operation":"crop","params":{"width":${width}}}]`), flatPng)).status,
      ]).toEqual([width, 400]);
  });
});

describe('whether something is wanted', () => {
  test.each(['true', 'false', '1', '0', 't', 'F', 'TRUE', 'False', ''])('%s says', async (word) => {
    expect((await post(`/crop?width=20&stripmeta=${word}`, flatPng)).status).toBe(200);
  });

  test.each(['1.1', '-1', '0.0', 'no', 'yes', 'foo', 'bubblegum', 'tRUE'])('%s does not say', async (word) => {
    expect((await post(`/crop?width=20&stripmeta=${word}`, flatPng)).status).toBe(400);
  });

  test('is told by a truth or a text in a pipeline, and by no number', async () => {
    const statusOf = async (stripmeta: unknown) => (await post(one('crop', { width: 20, stripmeta }), flatPng)).status;
    expect(await Promise.all([true, 'true', '1', false].map(statusOf))).toEqual([200, 200, 200, 200]);
    expect(await Promise.all(['bubblegum', 1, null].map(statusOf))).toEqual([400, 400, 400]);
  });
});

test('a text of a pipeline is a text, also of a parameter that its operation has no use for', async () => {
  for (const name of ['text', 'font', 'color', 'image', 'type', 'gravity', 'extend', 'background', 'colorspace']) {
    expect([name, (await post(one('crop', { width: 20, [name]: '' }), flatPng)).status]).toEqual([name, 200]);
    for (const value of [false, 0, [1, 2, 3]])
      expect([name, (await post(one('crop', { width: 20, [name]: value }), flatPng)).status]).toEqual([name, 400]);
  }
  expect((await post(one('autorotate', { stripmeta: 'foo' }), flatPng)).status).toBe(400);
  expect((await post(one('fit', { width: 9, height: 9, opacity: 'much' }), flatPng)).status).toBe(400);
  expect(
    (await post(one('fit', { width: 9, height: 9, opacity: 2.2, dpi: 72, nobody: { knows: [] } }), flatPng)).status,
  ).toBe(200);
});

test.each([
  ['200,100,20', [200, 100, 20]],
  ['0,280,200', [0, 255, 200]],
  [' -1, 256 , 50', [0, 255, 50]],
  [' a, 20 , &hel0', [0, 20, 0]],
  ['', [0, 0, 0]],
])('the colour %j is %j', async (colour, expected) => {
  const path = `/resize?width=100&height=100&extend=background&type=png&background=${encodeURIComponent(colour)}`;
  const seen = await meanColour(await picture(path, flatPng), { left: 40, top: 2, width: 20, height: 8 });
  expect(colourDistance(seen.slice(0, 3), expected)).toBeLessThan(2);
});

test('how a picture is extended is told in any case, with blanks around it; what is no way of it mirrors', async () => {
  const source = await image(await photo(120, 80, 3))
    .png()
    .toBuffer();
  const pixels = async (extend: string) =>
    sharp(await picture(`/resize?width=100&height=100&type=png&background=9,200,30${extend}`, source))
      .removeAlpha()
      .raw()
      .toBuffer();
  const by = (name: string) => pixels(`&extend=${encodeURIComponent(name)}`);
  const [mirror, copy, background, white, black] = await Promise.all(
    ['mirror', 'copy', 'background', 'white', 'black'].map(by),
  );
  const all = [mirror, copy, background, white, black].map((each) => each?.toString('base64'));
  expect(new Set(all).size).toBe(5);
  expect((await by(' BACKGROUND  ')).equals(background ?? Buffer.alloc(0))).toBe(true);
  expect((await by('White')).equals(white ?? Buffer.alloc(0))).toBe(true);
  for (const name of ['invalid', 'constructor', '__proto__'])
    expect((await by(name)).equals(mirror ?? Buffer.alloc(0))).toBe(true);
  for (const same of [await by('lastpixel'), await by(''), await pixels('')])
    expect(same.equals(copy ?? Buffer.alloc(0))).toBe(true);
});

test('gravity is told in any case; smart is what smartcrop does, and what is none is the centre', async () => {
  const source = await image(await photo(300, 100, 9))
    .png()
    .toBuffer();
  const crop = (gravity: string) => picture(`/crop?width=60&height=60&type=png&gravity=${gravity}`, source);
  const smart = await picture('/smartcrop?width=60&height=60&type=png', source);
  expect((await crop('SMART')).equals(smart)).toBe(true);
  const [west, east, centre] = [await crop('west'), await crop('east'), await crop('foo')];
  expect((await crop('%20West')).equals(west)).toBe(true);
  expect(west.equals(east) || west.equals(centre) || east.equals(centre)).toBe(false);
});

test('a type is told in any case', async () => {
  for (const type of ['WEBP', 'WebP'])
    expect((await sharp(await picture(`/convert?type=${type}`, flatPng)).metadata()).format).toBe('webp');
  expect((await sharp(await picture(one('convert', { type: 'JPEG' }), flatPng)).metadata()).format).toBe('jpeg');
  for (const type of ['image/jpeg', 'jpeg%20', 'blablabla', 'json', 'application/json'])
    expect([type, (await post(`/convert?type=${type}`, flatPng)).status]).toEqual([type, 400]);
});

describe('the JSON of a pipeline', () => {
  test.each([
    ['fields in any case', '[{"Operation":"crop","PARAMS":{"width":20}}]', '20x80'],
    ['null for what is not there', '[{"operation":"flip","params":null,"ignore_failure":null}]', '120x80'],
    [
      'a field twice, of which the last counts',
      '[{"operation":"zoom","operation":"crop","params":{"width":20}}]',
      '20x80',
    ],
    [
      'names that every object has',
      '[{"operation":"crop","params":{"width":20,"__proto__":{"width":3},"toString":1}}]',
      '20x80',
    ],
    ['blanks', ' [ {"operation" : "crop" , "params" : {"width" : 20} } ] ', '20x80'],
    ['four turns', `[${Array(4).fill('{"operation":"rotate","params":{"rotate":90}}').join()}]`, '120x80'],
  ])('may have %s', async (_what, operations, expected) => {
    expect(await sizeOf(pipeline(operations), flatPng)).toBe(expected);
  });

  test.each([
    'null',
    '{}',
    '"x"',
    '[null]',
    '[[]]',
    '[{}]',
    '[{"operation":null}]',
    '[{"operation":["fit"]}]',
    '[{"operation":"__proto__"}]',
    '[{"operation":"Crop","params":{"width":20}}]',
    '[{"operation":"crop","params":[]}]',
    '[{"operation":"crop","params":"width"}]',
    '[{"operation":"autorotate","ignore_failure":"true"}]',
    '[{"operation":"autorotate","__proto__":{}}]',
    '[{"operation":"resize","ignore_failure":true}]',
    '\ufeff[{"operation":"autorotate"}]',
    '['.repeat(4_000),
  ])('%.60s is wrong', async (operations) => {
    const answer = await post(pipeline(operations), flatPng);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ status: 400, message: expect.stringMatching(/^[^\r\n]+$/) });
  });

  test('that is encoded twice, or once more than once, is wrong', async () => {
    const operations = encodeURIComponent('[{"operation":"autorotate"}]');
    expect((await post(`/pipeline?operations=${operations}`, flatPng)).status).toBe(200);
    expect((await post(`/pipeline?operations=${encodeURIComponent(operations)}`, flatPng)).status).toBe(400);
    expect((await post(`/pipeline?operations=${operations}&operations=${operations}`, flatPng)).status).toBe(400);
  });
});

test('a turn by less than a quarter turns nothing, but leaves the picture as it is stored', async () => {
  const source = await sharp(flatPng).jpeg().withMetadata({ orientation: 6 }).toBuffer();
  expect(await sizeOf('/rotate?rotate=45', source)).toBe('120x80');
  expect(await sizeOf('/rotate?rotate=90', source)).toBe('80x120');
  expect(await sizeOf('/crop?width=70', source)).toBe('70x120');
});

test.each([20, 45, 90])('a blur of %i pixels looks as a blur of all pixels does', async (sigma) => {
  const source = await image(await photo(350, 250, 5))
    .png()
    .toBuffer();
  const blurred = await sharp(await picture(`/blur?sigma=${sigma}`, source))
    .removeAlpha()
    .raw()
    .toBuffer();
  const direct = await sharp(source).removeAlpha().blur(sigma).raw().toBuffer();
  expect(psnrDb(blurred, direct)).toBeGreaterThanOrEqual(40);
});

test('blurs as wide as they come, one after the other, cost little', async () => {
  const source = await image(await photo(640, 480, 5))
    .jpeg()
    .toBuffer();
  const blurs = Array.from({ length: 10 }, () => ({ operation: 'blur', params: { sigma: 1e6 } }));
  expect(await sizeOf(pipeline(JSON.stringify(blurs)), source)).toBe('640x480');
});

test('there is no test page, and no path but those that are named', async () => {
  for (const path of ['/form', '/Crop', '/crop%2f', '/watermarkImage'])
    expect([path, (await post(`${path}?width=20`, flatPng)).status]).toEqual([path, 404]);
});
