import { describe, expect, it } from 'vitest';
import { checkDigests, namedDigests } from '../../../../src/http/uploads/upload-digest.js';
import { digestOf, reprDigest } from '../../../../src/kernel/digest.js';
import { safeFileName } from '../../../../src/kernel/file-name.js';

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

it.each([
  ['photo.jpg', 'photo.jpg'],
  ['../../../etc/passwd', 'passwd'],
  ['C:\\pictures\\a.png', 'a.png'],
  ['a\r\nX: y.png', 'aX: y.png'],
  ['..', ''],
  ['dir/', ''],
  [' \u0000 ', ''],
  ['a'.repeat(300), 'a'.repeat(255)],
  ['😀'.repeat(300), '😀'.repeat(63)],
])('of the file name %j is kept %j', (name, kept) => {
  expect(safeFileName(name)).toBe(kept);
});
