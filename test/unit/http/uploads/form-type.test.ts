import { describe, expect, it } from 'vitest';
import { boundaryOf, formTypeOf } from '../../../../src/http/uploads/form-type.js';

describe('the boundary of a form', () => {
  it.each([
    ['multipart/form-data; boundary=abc', 'abc'],
    ['multipart/form-data;boundary="a b"', 'a b'],
    ['Multipart/Form-Data; BOUNDARY=abc; charset=utf-8', 'abc'],
    ['multipart/form-data; boundary=----=_Part_5_1.2', '----=_Part_5_1.2'],
    ['multipart/form-data; ; boundary=abc;', 'abc'],
    ['multipart/form-data;; boundary = abc', 'abc'],
    ['multipart/form-data; xboundary=no; boundary=abc', 'abc'],
    ['multipart/form-data; a="; boundary=no"; boundary=abc', 'abc'],
    ['multipart/form-data; boundary="B\\BB"', 'BBB'],
    ['multipart/form-data; boundary="a;b"', 'a;b'],
    ['multipart/form-data; charset; boundary=abc', 'abc'],
  ])('%s', (type, boundary) => {
    expect(boundaryOf(type)).toBe(boundary);
    expect(boundaryOf(formTypeOf(boundary))).toBe(boundary);
  });

  it.each([
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=""',
    'boundary=abc',
  ])('is missing in %s', (type) => expect(boundaryOf(type)).toBeUndefined());

  it.each(['a"b', 'a\\b', '"'])('survives quoting: %s', (boundary) => {
    expect(boundaryOf(formTypeOf(boundary))).toBe(boundary);
  });
});
