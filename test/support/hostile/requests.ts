// What the fuzzer sends: uploads of mutated files, and uploads whose formats, paths, headers or bodies are mutated.
import { BOUNDARY, FORM_TYPE, filePart, multipartBody } from '../multipart.js';
import { mutated, pick, type Random } from './mutations.js';
import type { Seed } from './seeds.js';

/** A request as bytes: whatever it is, the connection is closed after its answer or kept as the server says. */
export interface FuzzRequest {
  readonly what: 'file' | 'format' | 'path' | 'headers' | 'body';
  readonly bytes: Buffer;
  /** The connection is in a known state afterwards: the request is well framed. */
  readonly framed: boolean;
}

const BASE = '/imageconverter';
const FORMATS = [
  'auto:200x150',
  'jpg:100x100',
  'png:20x20~cover',
  'webp:-1x-1',
  'avif:16x16@1',
  'gif:64x64~coverandcrop~expand',
];
const FORMAT_PIECES = [
  'auto',
  'jpg',
  'jp2',
  ':',
  '~',
  '@',
  'x',
  '-1',
  '0',
  '16385',
  '99999999999999999999',
  '1e3',
  '%00',
  '%',
  '..',
  '/',
  'cover',
  'norotate',
  'expand',
  'ä',
  '\u202e',
  ' ',
  '100',
  '101',
  '-cover',
];
const PATH_PIECES = [
  '/',
  '//',
  '..',
  '%2e%2e',
  '%2F',
  '%00',
  '%E0%A4%A',
  'cacheImage',
  'getImage',
  'getMetadata',
  'cacheAndGetImage',
  'clearImages',
  'status',
  '?context=',
  '&',
  '=',
  'key',
  '__proto__',
  'x'.repeat(300),
  '%F0%9F%98%80',
  ';',
  '#',
  '*',
  '\\',
];
const HEADERS = [
  'Content-Length: -1',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip',
  'Expect: 100-continue',
  'Expect: banana',
  'Content-Encoding: gzip',
  'Content-Type: multipart/form-data',
  'Content-Type: multipart/form-data; boundary=""',
  `Content-Type: multipart/form-data; boundary=${'b'.repeat(300)}`,
  'Content-Digest: sha-256=:AAAA:',
  'Range: bytes=9-1',
  'If-None-Match: *',
  'Authorization: Basic x',
  'Authorization: Bearer x',
  'Host:',
  'Connection: upgrade',
  'Upgrade: h2c',
  'X: y\0z',
  'Accept: image/avif;q=0',
  'Bad Header: x',
  ' folded',
  `X-Long: ${'x'.repeat(9000)}`,
  'Trailer: x',
  'Cookie: a=b',
];

/** Request number `index` of the run with this `random`; the key is new, so the source is converted. */
export function fuzzRequest(seeds: readonly Seed[], random: Random, index: number): FuzzRequest {
  const dice = random();
  const { bytes: source } = mutated(seeds, random);
  const body = multipartBody([filePart('sourceImage', 'a.bin', source)]);
  const key = `fuzz-${index}`;
  const path = random() < 0.5 ? `/cacheImage/${key}` : `/cacheAndGetImage/${key}/${pick(random, FORMATS)}`;
  if (dice < 0.8) return framed('file', path, body);
  if (dice < 0.85) return framed('format', `/cacheAndGetImage/${key}/${pieces(FORMAT_PIECES, random)}`, body);
  if (dice < 0.9) return { ...framed('path', `/${pieces(PATH_PIECES, random)}`, body), framed: false };
  if (dice < 0.95) {
    const more = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(random, HEADERS));
    return { what: 'headers', bytes: request(path, body, more), framed: false };
  }
  return framed('body', path, mutatedForm(body, source, random));
}

function framed(what: FuzzRequest['what'], path: string, body: Buffer): FuzzRequest {
  return { what, bytes: request(path, body, []), framed: true };
}

function request(path: string, body: Buffer, more: readonly string[]): Buffer {
  const lines = [
    `POST ${BASE}${encoded(path)} HTTP/1.1`,
    'Host: fuzz',
    ...(more.some((line) => line.startsWith('Content-Type')) ? [] : [`Content-Type: ${FORM_TYPE}`]),
    `Content-Length: ${body.length}`,
    ...more,
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

/** Only what would end the request line is encoded: everything else is for the server to judge. */
function encoded(path: string): string {
  return path.replaceAll(/[\s\u0080-\uffff]/g, (character) => encodeURIComponent(character).slice(0, 9));
}

function pieces(from: readonly string[], random: Random): string {
  return Array.from({ length: 1 + Math.floor(random() * 6) }, () => pick(random, from)).join('');
}

/** The same form with its frame damaged: boundaries, part headers, line ends. */
function mutatedForm(form: Buffer, source: Buffer, random: Random): Buffer {
  const dash = Buffer.from(`--${BOUNDARY}`);
  const disposition = pick(random, [
    'form-data; name="sourceImage"',
    'form-data; name="sourceImage"; filename=""',
    `form-data; name="sourceImage"; filename*=UTF-8''%E2%82`,
    'form-data; filename="x"',
    'attachment; name="sourceImage"; filename="x"',
    'form-data; name="__proto__[x]"; filename="x"',
    `form-data; name="${'n'.repeat(300)}"; filename="x"`,
    'form-data; name="sourceImage"; filename="a%0d%0aX: y"',
    'form-data; name="sourceImage"; filename="../../x\0y"',
  ]);
  const headed = (headers: readonly string[]) => multipartBody([{ headers, body: source }]);
  switch (Math.floor(random() * 6)) {
    case 0:
      return form.subarray(0, Math.floor(random() * form.length));
    case 1:
      return headed([`Content-Disposition: ${disposition}`]);
    case 2:
      return headed([`Content-Disposition: ${disposition}`, ...Array.from({ length: 200 }, (_, n) => `X-${n}: y`)]);
    case 3:
      return Buffer.concat([form, dash, Buffer.from('--\r\ntrailing'), form]);
    case 4: {
      const out = Buffer.from(form);
      const at = Math.floor(random() * Math.min(out.length, 250));
      out[at] = Math.floor(random() * 256);
      return out;
    }
    default:
      return multipartBody(Array.from({ length: 30 }, (_, n) => filePart(`f${n % 3}`, 'x', source)));
  }
}
