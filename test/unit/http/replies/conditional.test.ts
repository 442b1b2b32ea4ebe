import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allowsRange, isNotModified, listsTag } from '../../../../src/http/replies/conditional.js';
import { httpDate, parseHttpDate } from '../../../../src/http/replies/http-date.js';

const ETAG = '"5f1d"';
const MODIFIED_MS = Date.UTC(2026, 2, 4, 5, 6, 7, 890);
const NOW_MS = MODIFIED_MS + 3_600_000;
const validators = { etag: ETAG, lastModifiedMs: MODIFIED_MS, isDateStrong: true };

// RFC 9110, section 8.8.3: what may stand between the quotes of an entity tag.
const opaque = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => (code === 0x22 ? '#' : String.fromCharCode(code))),
  maxLength: 20,
});
const tag = fc.tuple(fc.constantFrom('', 'W/'), opaque).map(([weak, text]) => `${weak}"${text}"`);

describe('If-None-Match', () => {
  it.each([ETAG, `W/${ETAG}`, '*', ' * ', `"a", ${ETAG}`, `"a,b" , W/${ETAG},`, `,,${ETAG}`, `"",${ETAG}`])(
    'lists the tag: %s',
    (text) => {
      expect(listsTag(text, ETAG)).toBe(true);
    },
  );

  it.each(['', '""', '5f1d', '"5F1D"', '"5f1d', '"a,"', `x${ETAG}`, `"a"${ETAG}`, '"* "', 'W/"*"', `w/${ETAG}`])(
    'does not list it: %s',
    (text) => {
      expect(listsTag(text, ETAG)).toBe(false);
    },
  );

  it('finds the tag wherever it stands in any list, weak or strong, and only there', () => {
    fc.assert(
      fc.property(fc.array(tag, { maxLength: 30 }), fc.nat(30), fc.constantFrom('', 'W/'), (tags, at, weak) => {
        const others = tags.filter((other) => !other.endsWith(ETAG));
        expect(listsTag(others.join(', '), ETAG)).toBe(false);
        expect(listsTag(others.toSpliced(at, 0, weak + ETAG).join(','), ETAG)).toBe(true);
      }),
    );
  });

  it('answers any text, in time that grows with its length alone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(typeof listsTag(text, ETAG)).toBe('boolean');
      }),
    );
    // Squared, these would be minutes.
    const started = process.cpuUsage();
    listsTag(`${'W/"a" '.repeat(100_000)}x`, ETAG);
    listsTag(`${' ,'.repeat(200_000)}x`, ETAG);
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(3_000);
  });

  it('decides alone when there is an If-Modified-Since too', () => {
    const conditions = { ifNoneMatch: '"other"', ifModifiedSince: httpDate(NOW_MS) };
    expect(isNotModified(conditions, validators, NOW_MS)).toBe(false);
  });
});

describe('If-Modified-Since', () => {
  const holds = (ifModifiedSince: string) =>
    isNotModified({ ifNoneMatch: undefined, ifModifiedSince }, validators, NOW_MS);

  it('compares whole seconds', () => {
    expect(holds(httpDate(MODIFIED_MS))).toBe(true);
    expect(holds(httpDate(MODIFIED_MS + 1_000))).toBe(true);
    expect(holds(httpDate(MODIFIED_MS - 1_000))).toBe(false);
  });

  it('is ignored in the future and when it is no date', () => {
    expect(holds(httpDate(NOW_MS + 1_000))).toBe(false);
    for (const text of ['', 'yesterday', '2026-03-04', '1', 'Wed, 04 Mar 2026 05:06:07 +0200']) {
      expect(holds(text)).toBe(false);
    }
  });

  it('without any condition nothing is unchanged', () => {
    const none = { ifNoneMatch: undefined, ifModifiedSince: undefined };
    expect(isNotModified(none, validators, NOW_MS)).toBe(false);
  });
});

describe('If-Range', () => {
  it.each([
    [undefined, true],
    [ETAG, true],
    [`W/${ETAG}`, false],
    ['"other"', false],
    [httpDate(MODIFIED_MS), true],
    [httpDate(MODIFIED_MS + 1_000), false],
    [httpDate(MODIFIED_MS - 1_000), false],
    ['nonsense', false],
  ])('%s allows a range: %s', (text, allowed) => {
    expect(allowsRange(text, validators, NOW_MS)).toBe(allowed);
  });

  it('does not trust a date that two versions could share', () => {
    expect(allowsRange(httpDate(MODIFIED_MS), validators, MODIFIED_MS + 500)).toBe(false);
  });
});

it('a date that other bytes may have, too, allows no range; a tag does', () => {
  const weak = { ...validators, isDateStrong: false };
  expect(allowsRange(httpDate(MODIFIED_MS), weak, NOW_MS)).toBe(false);
  expect(allowsRange(ETAG, weak, NOW_MS)).toBe(true);
});

describe('HTTP dates', () => {
  it('are read in all three forms', () => {
    const ms = Date.UTC(1994, 10, 6, 8, 49, 37);
    for (const text of [
      'Sun, 06 Nov 1994 08:49:37 GMT',
      'Sunday, 06-Nov-94 08:49:37 GMT',
      'Sun Nov  6 08:49:37 1994',
    ]) {
      expect(parseHttpDate(text)).toBe(ms);
    }
  });

  it('come back as they were written, to the second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }), (ms) => {
        expect(parseHttpDate(httpDate(ms))).toBe(Math.floor(ms / 1_000) * 1_000);
      }),
    );
  });
});
