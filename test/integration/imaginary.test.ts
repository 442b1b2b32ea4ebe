// imaginary's front against a server as an operator starts it: its own black-box expectations, the requests of document apps byte for
// byte as PHP's curl sends them, and what is hostile.
import { rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SOURCE_TYPES } from '../../src/kernel/source.js';
import { image, photo } from '../support/images.js';
import { colourDistance, quarterColours } from '../support/pixels.js';
import { run } from '../support/processes.js';
import { type ServerProcess, scrape, startServerProcess } from '../support/server-process.js';
import { bmpOf } from '../support/sources/bitmaps.js';
import { pdfOf, quartersPage } from '../support/sources/pdfs.js';
import { heicOf } from '../support/sources/tool-made.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { requireTool } from '../support/tools.js';

let dir: TempDir;
let server: ServerProcess;
let base: string;
/** 1920x1080 and 550x740 JPEGs of orientation 1. */
let J: Buffer;
let P: Buffer;

beforeAll(async () => {
  dir = await tempDir();
  server = await startServerProcess({
    PROOFSHEET_DATA_DIR: dir.path,
    PROOFSHEET_DIALECTS: 'image-converter,imaginary',
    PROOFSHEET_SOURCE_TYPES: SOURCE_TYPES.join(','),
  });
  base = `${server.origin}/imaginary`;
  const small = await photo(384, 216, 4);
  J = await image(small).resize(1920, 1080).jpeg().toBuffer();
  P = await image(await photo(275, 370, 5))
    .resize(550, 740)
    .jpeg()
    .toBuffer();
});
afterAll(async () => {
  server.kill('SIGTERM');
  await server.gone;
  await dir.remove();
});

const post = (path: string, body: Uint8Array<ArrayBuffer> | FormData | Buffer, headers: Record<string, string> = {}) =>
  fetch(`${base}${path}`, { method: 'POST', body: body as BodyInit, headers });

interface Shown {
  readonly status: number;
  readonly type: string | null;
  readonly size: string;
}

/** What was answered, decoded; the headers say what the picture is. */
async function shown(answer: Response): Promise<Shown> {
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (answer.status !== 200)
    return { status: answer.status, type: answer.headers.get('content-type'), size: bytes.toString() };
  const { width, height, format } = await sharp(bytes).metadata();
  expect(answer.headers.get('content-length')).toBe(String(bytes.length));
  expect([answer.headers.get('image-width'), answer.headers.get('image-height')]).toEqual([
    String(width),
    String(height),
  ]);
  expect(answer.headers.get('content-type')).toBe(`image/${format}`);
  return { status: 200, type: answer.headers.get('content-type'), size: `${width}x${height}` };
}

const sizeOf = async (path: string, body: Buffer) => (await shown(await post(path, body))).size;
const pipeline = (operations: unknown) => `/pipeline?operations=${encodeURIComponent(JSON.stringify(operations))}`;

describe('sizes', () => {
  test.each([
    ['J', '/crop?width=300', '300x1080'],
    ['J', '/resize?width=300&nocrop=false', '300x1080'],
    ['P', '/resize?width=300', '300x404'],
    ['P', '/resize?width=300&nocrop=true', '300x404'],
    ['P', '/resize?width=300&nocrop=false', '300x740'],
    ['P', '/resize?width=300&height=300', '300x300'],
    ['J', '/enlarge?width=300&height=200', '300x200'],
    ['J', '/extract?top=100&left=100&areawidth=200&areaheight=120', '200x120'],
    ['J', '/fit?width=300&height=300', '300x169'],
    ['P', '/fit?width=300&height=300', '223x300'],
    ['J', '/fit?width=4096&height=4096', '1920x1080'],
    ['P', '/autorotate', '550x740'],
    ['P', '/thumbnail?width=100', '100x135'],
    ['P', '/smartcrop?width=256&height=256', '256x256'],
    ['P', '/rotate?rotate=90', '740x550'],
    ['P', '/resize?width=700&height=900&force=true', '700x900'],
    ['P', '/flip', '550x740'],
    ['P', '/crop?width=0100&height=-100', '100x100'],
    ['P', '/crop?width=99.02&height=99.9', '99x100'],
    ['P', '/resize?width=160&aspectratio=16:9&nocrop=false', '160x90'],
    ['P', '/fit?width=300&height=300&stripmeta=', '223x300'],
  ])('%s %s is %s', async (source, path, expected) => {
    expect(await sizeOf(path, source === 'J' ? J : P)).toBe(expected);
  });

  test('of a pipeline are those of its operations one after the other, numbers and texts alike', async () => {
    const steps = (width: unknown) => [
      { operation: 'crop', params: { width, height: 260 } },
      { operation: 'convert', params: { type: 'webp' } },
    ];
    for (const width of [300, '300', 300.0]) {
      expect(await shown(await post(pipeline(steps(width)), P))).toEqual({
        status: 200,
        type: 'image/webp',
        size: '300x260',
      });
    }
    expect((await post(pipeline(steps(false)), P)).status).toBe(400);
  });
});

describe('types', () => {
  test.each([
    ['', 'image/jpeg'],
    ['image/webp,*/*', 'image/webp'],
    ['image/png,*/*', 'image/png'],
    ['image/webp;q=0.8,image/jpeg', 'image/webp'],
    ['image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8', 'image/webp'],
  ])('auto for Accept %s is %s', async (accept, expected) => {
    const answer = await post('/fit?width=30&height=30&type=auto', P, { Accept: accept });
    expect(answer.headers.get('vary')).toContain('Accept');
    expect((await shown(answer)).type).toBe(expected);
  });

  // As imaginary has it: the first of its three types that the client names, else that of the source.
  test.each([
    ['', 'png'],
    ['*/*', 'png'],
    ['text/html,image/avif,image/*;q=0.8', 'png'],
    ['image/jpeg', 'jpeg'],
    ['image/png;q=0,image/webp', 'png'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,image/apng,*/*;q=0.8', 'webp'],
  ])('auto of a PNG for Accept %s is %s', async (accept, expected) => {
    const png = await sharp(P).resize(60, 40, { fit: 'fill' }).png().toBuffer();
    const answer = await post('/crop?width=30&type=auto', png, { Accept: accept });
    expect(answer.headers.get('vary')).toContain('Accept');
    expect(await shown(answer)).toEqual({ status: 200, type: `image/${expected}`, size: '30x40' });
  });

  test('auto says that it depends on Accept where its picture cannot be made, too', async () => {
    const answer = await post('/crop?width=30&type=auto', Buffer.from('no picture'), { Accept: 'image/webp' });
    expect([answer.status, answer.headers.get('vary')]).toEqual([406, expect.stringContaining('Accept')]);
  });

  test.each(['jpg', 'avif', 'heif', 'svg', 'nonsense'])('%s is refused outside of a pipeline', async (type) => {
    expect((await post(`/fit?width=30&height=30&type=${type}`, P)).status).toBe(400);
  });
});

describe('what is wrong', () => {
  test.each([
    ['/fit?width=300', 400],
    ['/resize', 400],
    ['/fit?width=300&height=300&stripmeta=foo', 400],
    ['/fit?width=abc&height=3', 400],
    ['/convert', 400],
    ['/zoom?factor=2', 501],
    ['/watermark?text=a', 501],
    ['/no-such-thing', 404],
    ['/pipeline', 400],
    ['/pipeline?operations=nonsense', 400],
    [pipeline([]), 400],
    [pipeline([{ operation: 'info' }]), 400],
    [pipeline([{ operation: 'fit', params: { width: 1, height: 1 }, more: 1 }]), 400],
    [pipeline(Array.from({ length: 11 }, () => ({ operation: 'autorotate' }))), 400],
    ['/enlarge?width=16000&height=16000', 400],
    ['/extract?top=5000&left=0&areawidth=10&areaheight=10', 400],
  ])('%s is %i, told in one line with its status', async (path, status) => {
    const answer = await post(path, P);
    const body = await answer.json();
    expect([answer.status, body.status]).toEqual([status, status]);
    expect(body.message).toMatch(/^[^\r\n]+$/);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test.each([
    ['text', Buffer.from('just some words, and no picture'), 406],
    ['JSON', Buffer.from('{"a":1}'), 406],
    ['random bytes', Buffer.from(Array.from({ length: 5_000 }, (_, at) => (at * 7_919 + 13) % 251)), 406],
    ['nothing', Buffer.alloc(0), 400],
  ])('%s', async (_, body, status) => {
    const answer = await post('/fit?width=30&height=30', body);
    expect([answer.status, (await answer.json()).status]).toEqual([status, status]);
  });

  test('a truncated picture is 400, one of too many pixels 422', async () => {
    expect((await post('/fit?width=30&height=30', P.subarray(0, 3_000))).status).toBe(400);
    const huge = await sharp({
      create: { width: 20_000, height: 15_000, channels: 3, background: 'red' },
      limitInputPixels: false,
    })
      .png()
      .toBuffer();
    expect((await post('/fit?width=30&height=30', huge)).status).toBe(422);
  });

  test('other methods are 405', async () => {
    expect((await fetch(`${base}/fit?width=1&height=1`)).status).toBe(405);
    expect((await fetch(`${base}/fit`, { method: 'PUT' })).status).toBe(405);
  });
});

test('a failing operation that may fail is passed over', async () => {
  const steps = [
    { operation: 'resize', params: {}, ignore_failure: true },
    { operation: 'fit', params: { width: 30, height: 30 } },
  ];
  expect(await sizeOf(pipeline(steps), P)).toBe('22x30');
});

test('flip mirrors left to right, flop top to bottom', async () => {
  const halves = await sharp({ create: { width: 200, height: 200, channels: 3, background: 'red' } })
    .composite([{ input: { create: { width: 100, height: 100, channels: 3, background: 'blue' } }, left: 0, top: 0 }])
    .png()
    .toBuffer();
  const blueAt = async (path: string) => {
    const quarters = await quarterColours(Buffer.from(await (await post(path, halves)).arrayBuffer()));
    return quarters.findIndex((colour) => colourDistance(colour.slice(0, 3), [0, 0, 255]) < 20);
  };
  expect(await blueAt('/flip')).toBe(1);
  expect(await blueAt('/flop')).toBe(2);
});

describe('info', () => {
  test('tells of the picture as it is stored, for a form or a raw body, and decodes nothing', async () => {
    const turned = await sharp(P).withMetadata({ orientation: 6 }).toBuffer();
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(turned)]), 'photo.jpg');
    for (const body of [form, turned]) {
      const answer = await post('/info', body);
      expect(await answer.json()).toMatchObject({
        width: 550,
        height: 740,
        type: 'jpeg',
        orientation: 6,
        hasAlpha: false,
        channels: 3,
      });
    }
  });
});

test('what answers, and that it runs, stands at / and /health', async () => {
  for (const path of ['', '/']) expect(Object.keys(await (await fetch(base + path)).json())).toContain('imaginary');
  expect((await (await fetch(`${base}/health`)).json()).uptime).toEqual(expect.any(Number));
});

describe('a document app', () => {
  /** As the provider of Nextcloud builds its requests, in PHP's curl: form-encoded query, raw body, no type of it. */
  const SCRIPT = `<?php
    [, $base, $file, $operations, $key, $mode, $tag] = $argv + [6 => ''];
    $query = http_build_query(['operations' => $operations, 'key' => $key]);
    $handle = curl_init("$base/pipeline?$query");
    $told = [];
    $body = fopen($file, 'r');
    $headers = ['User-Agent: Nextcloud-Server-Crawler/31', 'Accept:', 'Content-Type:'];
    if ($mode === 'expect' || $mode === 'chunked') $headers[] = 'Expect: 100-Continue';
    if ($mode === 'typed') $headers = ['Content-Type: image/png'];
    if ($mode === 'chunked') $headers[] = 'Transfer-Encoding: chunked';
    if ($tag !== '') $headers[] = "X-Proofsheet-Source: $tag";
    curl_setopt_array($handle, [
      CURLOPT_CUSTOMREQUEST => 'POST', CURLOPT_UPLOAD => true, CURLOPT_INFILE => $body,
      CURLOPT_READFUNCTION => fn($h, $f, $n) => fread($body, $n),
      CURLOPT_HTTPHEADER => $headers, CURLOPT_ENCODING => 'gzip', CURLOPT_RETURNTRANSFER => true, CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_1_1,
      CURLOPT_HEADERFUNCTION => function ($h, $line) use (&$told) { $told[] = trim($line); return strlen($line); },
    ]);
    if ($mode !== 'chunked') curl_setopt($handle, CURLOPT_INFILESIZE, filesize($file));
    $results = [];
    for ($n = 0; $n < 2; $n++) {
      rewind($body); $told = [];
      $bytes = curl_exec($handle);
      $results[] = ['status' => curl_getinfo($handle, CURLINFO_RESPONSE_CODE), 'sent' => curl_getinfo($handle, CURLINFO_SIZE_UPLOAD), 'headers' => $told, 'body' => base64_encode($bytes)];
    }
    echo json_encode($results);
  `;

  async function php(source: Buffer, operations: unknown, key = '', mode = 'plain', tag = '') {
    const program = await requireTool('php');
    const [script, file] = [join(dir.path, 'client.php'), join(dir.path, 'source.bin')];
    writeFileSync(script, SCRIPT);
    writeFileSync(file, source);
    const { stdout } = await run(program, [script, base, file, JSON.stringify(operations), key, mode, tag]);
    rmSync(file);
    return JSON.parse(stdout) as { status: number; sent: number; headers: string[]; body: string }[];
  }
  const fitStep = (type: string) => ({
    operation: 'fit',
    params: { width: 2048, height: 2048, stripmeta: 'true', type, norotation: 'true', quality: '80' },
  });
  const header = (lines: readonly string[], name: string) =>
    lines.findLast((line) => line.toLowerCase().startsWith(`${name}: `))?.slice(name.length + 2);

  test.each([
    ['jpeg', [{ operation: 'autorotate' }, fitStep('jpeg')], 'jpeg', 'plain'],
    ['webp, chunked behind Expect', [{ operation: 'autorotate' }, fitStep('jpeg')], 'jpeg', 'chunked'],
    ['png, with a type that is another', [{ operation: 'autorotate' }, fitStep('png')], 'png', 'typed'],
    ['no first step', [fitStep('jpeg')], 'jpeg', 'expect'],
    ['svg and pdf', [{ operation: 'convert', params: { type: 'png' } }, fitStep('png')], 'png', 'plain'],
    ['webp previews', [{ operation: 'autorotate' }, fitStep('webp')], 'webp', 'plain'],
  ])('gets its picture: %s', async (kind, operations, type, mode) => {
    const source = kind.startsWith('png')
      ? await sharp(J).png().toBuffer()
      : kind.startsWith('webp,')
        ? await sharp(J).webp().toBuffer()
        : J;
    for (const { status, headers, body } of await php(source, operations, '', mode)) {
      const metadata = await sharp(Buffer.from(body, 'base64')).metadata();
      expect([status, metadata.format, metadata.width, metadata.height]).toEqual([200, type, 1920, 1080]);
      expect([
        header(headers, 'content-type'),
        header(headers, 'image-width'),
        header(headers, 'image-height'),
      ]).toEqual([`image/${type}`, '1920', '1080']);
      expect(metadata.icc).toBeUndefined();
    }
  });

  // By the types of its files, as its provider decides: whether there is a first step, what it is, and what is wanted of the second.
  const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="180"><rect width="320" height="180"/></svg>';
  const AUTOROTATE = [{ operation: 'autorotate' }];
  const TO_PNG = [{ operation: 'convert', params: { type: 'png' } }];
  const drawing = () => sharp(J).resize(320, 180);
  const FILES: Readonly<Record<string, readonly [() => Promise<Buffer>, readonly object[], string]>> = {
    gif: [() => drawing().gif().toBuffer(), AUTOROTATE, 'png'],
    tiff: [() => drawing().tiff().toBuffer(), AUTOROTATE, 'jpeg'],
    bmp: [async () => bmpOf(320, 180), AUTOROTATE, 'jpeg'],
    heic: [async () => heicOf(await drawing().png().toBuffer()), [], 'jpeg'],
    svg: [async () => Buffer.from(SVG), TO_PNG, 'png'],
    pdf: [async () => pdfOf([quartersPage(320, 180)]), TO_PNG, 'png'],
  };
  test.each(Object.entries(FILES))('gets a whole and a cropped picture of its %s files', async (_kind, file) => {
    const [made, first, type] = file;
    const source = await made();
    for (const operation of ['fit', 'smartcrop']) {
      const wanted = { ...fitStep(type).params, width: 64, height: 64 };
      const steps = [...first, { operation, params: wanted }];
      const size = operation === 'fit' ? '64x36' : '64x64';
      expect(await shown(await post(pipeline(steps), source))).toEqual({ status: 200, type: `image/${type}`, size });
    }
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'gets a picture of orientation %i upright and undistorted',
    async (orientation) => {
      const [width, height] = orientation >= 5 ? [300, 500] : [500, 300];
      const source = await sharp(J)
        .resize(width, height, { fit: 'fill' })
        .withMetadata({ orientation })
        .jpeg()
        .toBuffer();
      const steps = [
        { operation: 'autorotate' },
        { ...fitStep('jpeg'), params: { ...fitStep('jpeg').params, width: 250, height: 250 } },
      ];
      expect(await sizeOf(pipeline(steps), source)).toBe('250x150');
    },
  );

  test('pays for a picture once, however it asks again', async () => {
    const source = await sharp(J).modulate({ hue: 90 }).jpeg().toBuffer();
    const decodes = () => scrape(server.origin, 'proofsheet_decodes_total');
    const before = await decodes();
    const first = Buffer.from(
      await (await post(pipeline([{ operation: 'autorotate' }, fitStep('jpeg')]), source)).arrayBuffer(),
    );
    expect((await decodes()) - before).toBe(1);
    const larger = { ...fitStep('jpeg'), params: { ...fitStep('jpeg').params, width: 4096, height: 4096 } };
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(source)]));
    for (const answer of [
      await post(pipeline([{ operation: 'autorotate' }, larger]), source),
      await post('/fit?width=3000&height=3000&quality=80&type=jpeg', form),
    ])
      expect(Buffer.from(await answer.arrayBuffer()).equals(first)).toBe(true);
    expect((await decodes()) - before).toBe(1);
  });

  test.each(['expect', 'chunked'])(
    'that names its source sends it once, and nothing from then on: %s',
    async (mode) => {
      const source = await sharp(J)
        .modulate({ hue: mode === 'expect' ? 30 : 60 })
        .jpeg()
        .toBuffer();
      const steps = [{ operation: 'autorotate' }, fitStep('jpeg')];
      const tag = `cloud:4711:${mode}`;
      const [first, second] = await php(source, steps, '', mode, tag);
      // Chunks have frames.
      expect([first?.status, (first?.sent ?? 0) >= source.length]).toEqual([200, true]);
      expect([second?.status, second?.sent, second?.body]).toEqual([200, 0, first?.body]);
      expect(header(second?.headers ?? [], 'connection')).toBe('close');
      expect(header(second?.headers ?? [], 'image-width')).toBe('1920');
      // Another picture of it has to be drawn, and another name is unknown.
      const [smaller] = await php(source, [{ operation: 'fit', params: { width: 90, height: 90 } }], '', mode, tag);
      expect([smaller?.status, (smaller?.sent ?? 0) >= source.length]).toEqual([200, true]);
      const [renamed, again] = await php(source, steps, '', mode, `${tag}:2`);
      expect([(renamed?.sent ?? 0) >= source.length, again?.sent]).toEqual([true, 0]);
    },
  );

  test.each(['png', 'jpeg'] as const)(
    'keeps its colours: a wide-gamut %s is brought to sRGB before its profile goes',
    async (kind) => {
      const p3 = await sharp({ create: { width: 64, height: 64, channels: 3, background: { r: 30, g: 200, b: 60 } } })
        .withIccProfile('p3')
        [kind]({ quality: 100 })
        .toBuffer();
      const answer = await post('/fit?width=64&height=64&stripmeta=true&type=png', p3);
      const { data } = await sharp(Buffer.from(await answer.arrayBuffer()))
        .raw()
        .toBuffer({ resolveWithObject: true });
      const direct = await sharp(p3).toColourspace('srgb').raw().toBuffer();
      expect(colourDistance([...data.subarray(0, 3)], [...direct.subarray(0, 3)])).toBeLessThan(3);
    },
  );
});

test('two URLs of one curl are both answered, the first before its body is sent', async () => {
  const curl = await requireTool('curl');
  const source = join(dir.path, 'tagged.jpg');
  const bytes = await sharp(P).modulate({ hue: 120 }).jpeg().toBuffer();
  writeFileSync(source, bytes);
  const figures = ['-w', '%{http_code} %{size_upload}\\n', '-o', '/dev/null'];
  const [url, info] = [`${base}/fit?width=200&height=200`, `${base}/info`];
  const ask = async (tag: string, ...urls: string[]) => {
    const each = urls.flatMap((target) => [...figures, '-X', 'POST', '-T', source, target]);
    const waiting = ['-H', 'Expect: 100-continue', '--expect100-timeout', '60'];
    const { stdout } = await run(curl, ['-s', '-H', `X-Proofsheet-Source: ${tag}`, ...waiting, ...each]);
    return stdout.trim().split('\n');
  };
  const sent = `200 ${bytes.length}`;
  expect(await ask('a', url)).toEqual([sent]);
  expect(await ask('a', url, url)).toEqual(['200 0', '200 0']);
  expect(await ask('a', url, info)).toEqual(['200 0', '200 0']);
  expect(await ask('b', url, url)).toEqual([sent, '200 0']);
  expect(await ask('no%20name%20'.repeat(30), url)).toEqual(['400 0']);
  // Without a body, whoever gives a name is asked for one only where it is unknown.
  const bare = (tag: string) => fetch(url, { method: 'POST', headers: { 'X-Proofsheet-Source': tag } });
  expect([(await bare('a')).status, (await bare('unknown')).status]).toEqual([200, 400]);
});

test('a body of random bytes that is sent slowly to an operation that is wrong is not waited for', async () => {
  const told = await new Promise<number>((resolve, reject) => {
    const request = httpRequest(`${base}/fit?width=1`, {
      method: 'POST',
      headers: { Expect: '100-continue', 'Content-Length': 1_000_000 },
    });
    request.once('continue', () => reject(new Error('expected to be refused before the body')));
    request.once('response', (answer) => {
      expect(answer.headers.connection).toBe('close');
      resolve(answer.statusCode ?? 0);
      answer.resume();
      request.destroy();
    });
    request.once('error', () => undefined);
    request.flushHeaders();
  });
  expect(told).toBe(400);
});

describe('an API key', () => {
  const TOKEN = 'secret-of-the-document-app-01';
  let guarded: ServerProcess;
  let own: TempDir;
  beforeAll(async () => {
    own = await tempDir();
    guarded = await startServerProcess({
      PROOFSHEET_DATA_DIR: own.path,
      PROOFSHEET_DIALECTS: 'image-converter,imaginary=/',
      PROOFSHEET_API_TOKENS: `${TOKEN}:cloud,secret-of-somebody-else-0001:other`,
      PROOFSHEET_IMAGINARY_CONTEXT: 'cloud',
    });
  });
  afterAll(async () => {
    guarded.kill('SIGTERM');
    await guarded.gone;
    await own.remove();
  });
  const ask = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${guarded.origin}${path}`, { method: 'POST', body: new Uint8Array(P), headers });

  test('opens every operation by header or query, and nothing is open without it; at the root of the server', async () => {
    const path = '/fit?width=30&height=30';
    expect((await ask(path)).status).toBe(401);
    expect((await ask(`${path}&key=`)).status).toBe(401);
    expect((await ask(`${path}&key=secret-of-somebody-else-0001`)).status).toBe(401);
    expect((await ask(`${path}&key=${TOKEN}`)).status).toBe(200);
    expect((await ask(path, { 'API-Key': TOKEN })).status).toBe(200);
    expect((await ask('/info', { 'API-Key': TOKEN })).status).toBe(200);
    expect((await fetch(`${guarded.origin}/health`)).status).toBe(401);
    expect((await fetch(`${guarded.origin}/?key=${TOKEN}`)).status).toBe(200);
  });

  test('is in no line of the log', async () => {
    await ask(`/fit?width=0&height=30&key=${TOKEN}`);
    expect(JSON.stringify(guarded.log)).not.toContain(TOKEN);
  });
});
