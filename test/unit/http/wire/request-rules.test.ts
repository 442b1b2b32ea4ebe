// How the path of a request target is folded: only what changes no name.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { foldedTarget } from '../../../../src/http/wire/request-rules.js';

describe('a target', () => {
  test.each([
    ['/imageconverter//status', '/imageconverter/status'],
    ['//imageconverter/status/', '/imageconverter/status'],
    ['/imageconverter/', '/imageconverter'],
    ['///', '/'],
    ['/', '/'],
    ['*', '*'],
    ['', ''],
    ['/a/b;jsessionid=1A2B.n1?context=x', '/a/b?context=x'],
    ['/a;JSESSIONID=1/b;v=2;jsessionid=3/c', '/a/b;v=2/c'],
    ['/a/;jsessionid=1', '/a'],
    ['/a/b?u=//x;jsessionid=1', '/a/b?u=//x;jsessionid=1'],
    ['/a//b?u=//x/', '/a/b?u=//x/'],
    ['/a;jsessionid/b;jsession=1', '/a;jsessionid/b;jsession=1'],
    ['/a%2F%2Fb%3Bjsessionid=1', '/a%2F%2Fb%3Bjsessionid=1'],
    ['/./a/../b', '/./a/../b'],
  ])('%s is %s', (target, folded) => {
    expect(foldedTarget(target)).toBe(folded);
  });

  test('without empty segments and parameters stays as it is, and folding twice is folding once', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9%:~@.-]{1,8}$/);
    const query = fc.stringMatching(/^(\?[a-z=&/;]{0,9})?$/);
    fc.assert(
      fc.property(fc.array(name, { maxLength: 5 }), query, (names, tail) => {
        const target = `/${names.join('/')}${tail}`;
        expect(foldedTarget(target)).toBe(target);
      }),
    );
    fc.assert(
      fc.property(fc.stringMatching(/^\/[a-z/;=?]{0,20}$/), (target) => {
        expect(foldedTarget(foldedTarget(target))).toBe(foldedTarget(target));
      }),
    );
  });
});
