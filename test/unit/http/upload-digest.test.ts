import { describe, expect, it } from 'vitest';
import { checkDigests, namedDigests, sourcePartHeaders } from '../../../src/http/upload-digest.js';
import { safeFileName } from '../../../src/http/upload-storage.js';
import { digestOf, reprDigest } from '../../../src/kernel/digest.js';
import { FORM_TYPE, fieldPart, filePart, multipartBody } from '../../support/multipart.js';

const source = digestOf(Buffer.from('source'));
const body = digestOf(Buffer.from('body'));
const other = digestOf(Buffer.from('other'));

describe('named digests', () => {
  it('are read from both headers, among other algorithms', () => {
    expect(
      namedDigests({ 'content-digest': `sha-512=:AA==:, ${reprDigest(source)}`, 'repr-digest': reprDigest(body) }),
    ).toEqual([source, body]);
    expect(namedDigests({ 'content-digest': 'md5=:AA==:' })).toEqual([]);
    expect(namedDigests({})).toEqual([]);
  });

  it.each(['sha-256=', 'sha-256=:x:', 'sha-256="abc"', `sha-256=:${'A'.repeat(44)}:`])('malformed: %s', (text) => {
    expect(() => namedDigests({ 'repr-digest': text })).toThrow(/expected a digest like sha-256=/);
  });
});

it('on the request a digest may be of the source or of the body, on the part of the source alone', () => {
  const holds = (onRequest: (typeof source)[], onPart: (typeof source)[]) => {
    try {
      checkDigests(onRequest, onPart, source, body);
      return true;
    } catch {
      return false;
    }
  };
  expect([holds([], []), holds([source], []), holds([body], []), holds([source, body], [source])]).toEqual(
    Array(4).fill(true),
  );
  expect([holds([other], []), holds([source, other], []), holds([], [body]), holds([], [other])]).toEqual(
    Array(4).fill(false),
  );
});

it('finds the headers of the file part behind other parts, and not inside the file', () => {
  const inside = `--not-a-boundary\r\nX-Inner: 1\r\n\r\n`;
  const bytes = multipartBody([
    fieldPart('a', 'Repr-Digest: nothing'),
    filePart('sourceImage', 'a.jpg', inside, 'Repr-Digest:  sha-256=:x: '),
  ]);
  const headers = sourcePartHeaders(bytes, { 'content-type': FORM_TYPE });
  expect(headers['repr-digest']).toBe('sha-256=:x:');
  expect(headers['x-inner']).toBeUndefined();
  const quoted = { 'content-type': FORM_TYPE.replace(/boundary=(.*)/, 'boundary="$1"') };
  expect(sourcePartHeaders(bytes, quoted)['repr-digest']).toBe('sha-256=:x:');
  expect(sourcePartHeaders(bytes.subarray(0, 60), { 'content-type': FORM_TYPE })).toEqual({});
  expect(sourcePartHeaders(bytes, {})).toEqual({});
});

it.each([
  ['photo.jpg', 'photo.jpg'],
  ['../../etc/passwd', 'passwd'],
  ['C:\\pictures\\a.png', 'a.png'],
  ['a\r\nX: y.png', 'aX: y.png'],
  ['..', ''],
  ['dir/', ''],
  [' \u0000 ', ''],
  ['😀'.repeat(300), '😀'.repeat(255)],
])('of the file name %j is kept %j', (name, kept) => {
  expect(safeFileName(name)).toBe(kept);
});
