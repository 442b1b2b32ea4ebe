// Which preview answers: the rules of API.md section 3 by example, and their three promises for every group.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bestMatch, bestPlanned, bestPreview, type Candidate, wantedSize } from '../../../src/kernel/best-match.js';
import { digestOf } from '../../../src/kernel/digest.js';
import { parseFormat } from '../../../src/kernel/format.js';
import { planSequence, sequenceOf } from '../../../src/kernel/sequence.js';
import { areaOf } from '../../../src/kernel/sizes.js';
import type { Preview } from '../../../src/kernel/source.js';
import { anyCandidate, anyFormat, anySource } from '../../support/kernel-arbitraries.js';
import { sourceInfo } from '../../support/records.js';

const photo = sourceInfo({ widthPx: 3000, heightPx: 4000 });

function candidate(format: string, size: string, type: Candidate['type'] = 'jpg'): Candidate {
  const [widthPx = 0, heightPx = 0] = size.split('x').map(Number);
  return { format: parseFormat(format), type, widthPx, heightPx };
}

/** Target format, relation and size of the answer, as the X-Proofsheet-Match header words them. */
function answer(request: string, candidates: readonly Candidate[], info = photo): string {
  const match = bestMatch(info, candidates, parseFormat(request));
  if (match === undefined) return 'none';
  const { format, widthPx, heightPx } = match.candidate;
  return `${match.relation} ${format.text} ${widthPx}x${heightPx}`;
}

const group = [
  candidate('auto:200x150', '113x150'),
  candidate('auto:200x150~cover', '200x267'),
  candidate('auto:800x800', '600x800'),
  candidate('auto:1920x1080', '810x1080'),
  candidate('auto:1920x1080~cover', '1920x2560'),
];

describe('by example, a 3000x4000 photo with the default sequence', () => {
  test.each([
    ['auto:800x800', 'exact auto:800x800 600x800'],
    ['auto:700x700', 'larger auto:800x800 600x800'],
    ['auto:100x100', 'larger auto:200x150 113x150'],
    ['auto:1000x1000', 'larger auto:1920x1080 810x1080'],
    ['auto:2000x2000', 'larger auto:1920x1080~cover 1920x2560'],
    ['auto:2560x2560', 'exact auto:1920x1080~cover 1920x2560'],
    ['auto:2600x2600', 'smaller auto:1920x1080~cover 1920x2560'],
    ['auto:100x100~cover', 'larger auto:200x150~cover 200x267'],
    ['auto:300x300~cover', 'larger auto:1920x1080~cover 1920x2560'],
    ['auto:9999x9999~cover', 'smaller auto:1920x1080~cover 1920x2560'],
    ['-1x-1', 'smaller auto:1920x1080~cover 1920x2560'],
  ])('%s is answered by %s', (request, expected) => {
    expect(answer(request, group)).toBe(expected);
  });

  test('the page that is asked for answers before every other rule, and the last one for those behind it', () => {
    const document = sourceInfo({ type: 'tiff', pages: 3, widthPx: 3000, heightPx: 4000 });
    const made = [...group, candidate('auto:200x150~page=2', '113x150'), candidate('png:800x800~page=3', '600x800')];
    expect(answer('auto:800x800~page=2', made, document)).toBe('smaller auto:200x150~page=2 113x150');
    expect(answer('jpg:100x100~cover~page=9', made, document)).toBe('larger png:800x800~page=3 600x800');
    expect(answer('auto:800x800~page=2', group, document)).toBe('exact auto:800x800 600x800');
    expect(answer('auto:800x800~page=2', made)).toBe('exact auto:800x800 600x800');
  });

  test('cover is answered by contain where that is the only one large enough', () => {
    const ladder = [candidate('200x150~cover', '200x267'), candidate('1920x1080', '810x1080')];
    expect(answer('400x300~cover', ladder)).toBe('larger auto:1920x1080 810x1080');
    expect(answer('150x150~cover', ladder)).toBe('larger auto:200x150~cover 200x267');
    expect(answer('900x900~cover', ladder)).toBe('smaller auto:1920x1080 810x1080');
  });

  test('contain and cover answer for each other alone: not for what is cropped or padded, turned, or of another type', () => {
    const small = candidate('100x100~coverandcrop', '100x100');
    expect(answer('400x400~coverandcrop', [small, candidate('800x800', '600x800')])).toBe(
      'smaller auto:100x100~coverandcrop 100x100',
    );
    const contained = candidate('100x100', '75x100');
    expect(answer('400x400', [contained, candidate('800x800~coverandcrop', '800x800')])).toBe(
      'smaller auto:100x100 75x100',
    );
    expect(answer('400x400', [contained, candidate('800x800~cover~norotate', '800x600')])).toBe(
      'smaller auto:100x100 75x100',
    );
    const png = [candidate('png:100x100', '75x100', 'png'), candidate('jpg:800x800~cover', '800x1067')];
    expect(answer('png:400x400', png)).toBe('smaller png:100x100 75x100');
    expect(answer('400x400', png)).toBe('larger jpg:800x800~cover 800x1067');
  });

  test('no preview of the requested scale type: all are looked at', () => {
    expect(answer('auto:500x500~coverandcrop', group)).toBe('larger auto:800x800 600x800');
  });

  test('the requested type is preferred within the scale type, even when it is too small', () => {
    const mixed = [candidate('png:100x100', '75x100', 'png'), candidate('jpg:800x800', '600x800')];
    expect(answer('png:400x400', mixed)).toBe('smaller png:100x100 75x100');
    expect(answer('auto:400x400', mixed)).toBe('larger jpg:800x800 600x800');
    expect(answer('webp:400x400', mixed)).toBe('larger jpg:800x800 600x800');
  });

  test('the scale type goes before the type', () => {
    const mixed = [candidate('jpg:400x400~cover', '400x533'), candidate('png:400x400', '300x400', 'png')];
    expect(answer('png:400x400~cover', mixed)).toBe('exact jpg:400x400~cover 400x533');
  });

  test('no request asks for more than the source has', () => {
    const small = sourceInfo({ widthPx: 300, heightPx: 400 });
    expect(wantedSize(small, parseFormat('auto:800x800~expand'))).toEqual({ widthPx: 300, heightPx: 400 });
    expect(answer('auto:800x800', [candidate('auto:500x500', '300x400')], small)).toBe('exact auto:500x500 300x400');
  });

  test('norotate is answered by a preview made so, if there is one', () => {
    const turned = sourceInfo({ widthPx: 3000, heightPx: 4000, orientation: 6 });
    const both = [candidate('800x800', '600x800'), candidate('800x800~norotate', '800x600')];
    expect(answer('800x800~norotate', both, turned)).toBe('exact auto:800x800~norotate 800x600');
    expect(answer('800x800', both, turned)).toBe('exact auto:800x800 600x800');
  });

  test('a padded preview of exactly this format is exact, though it is larger than the source', () => {
    const small = sourceInfo({ widthPx: 100, heightPx: 50 });
    expect(answer('200x200~coverandcrop', [candidate('200x200~coverandcrop', '200x200')], small)).toBe(
      'exact auto:200x200~coverandcrop 200x200',
    );
  });

  test('a preview made for exactly this format answers it, whatever others there are and whatever its size', () => {
    const small = sourceInfo({ widthPx: 40, heightPx: 30 });
    for (const scale of ['containforcedimension', 'coverandcrop', 'contain~expand']) {
      const padded = [100, 200, 50].map((side) => candidate(`${side}x${side}~${scale}`, `${side}x${side}`));
      for (const side of [50, 100, 200]) {
        const { text } = parseFormat(`${side}x${side}~${scale}`);
        expect(answer(text, padded, small)).toBe(`exact ${text} ${side}x${side}`);
      }
    }
    const smaller = [candidate('800x800', '300x400'), candidate('900x900', '600x800')];
    expect(answer('800x800', smaller)).toBe('exact auto:800x800 300x400');
  });

  test('of equal areas the one made for this very format answers, else the first', () => {
    const equal = [candidate('auto:800x800', '600x800'), candidate('auto:600x800', '600x800')];
    expect(answer('auto:600x800', equal)).toBe('exact auto:600x800 600x800');
    expect(answer('auto:600x850', equal)).toBe('exact auto:800x800 600x800');
  });

  test('without previews there is no answer', () => {
    expect(answer('auto:800x800', [])).toBe('none');
  });
});

describe('for every group and request', () => {
  const candidates = fc.array(anyCandidate, { minLength: 1, maxLength: 8 });

  test('there is an answer, it is one of the group, and the same each time', () => {
    fc.assert(
      fc.property(anySource, candidates, anyFormat, (info, group, request) => {
        const match = bestMatch(info, group, request);
        expect(group).toContain(match?.candidate);
        expect(bestMatch(info, [...group], request)).toEqual(match);
      }),
    );
  });

  test('a larger box is never answered with a smaller preview', () => {
    const grow = fc.integer({ min: 0, max: 3000 });
    fc.assert(
      fc.property(anySource, candidates, anyFormat, grow, grow, (info, group, request, wider, higher) => {
        const larger = {
          ...request,
          widthPx: request.widthPx === -1 ? -1 : Math.min(16_384, request.widthPx + wider),
          heightPx: request.heightPx === -1 ? -1 : Math.min(16_384, request.heightPx + higher),
        };
        const [first, second] = [bestMatch(info, group, request), bestMatch(info, group, larger)];
        if (first === undefined || second === undefined) throw new Error('expected answers');
        expect(areaOf(second.candidate)).toBeGreaterThanOrEqual(areaOf(first.candidate));
      }),
      { numRuns: 2000 },
    );
  });

  test('smaller is said only when nothing kept is large enough', () => {
    fc.assert(
      fc.property(anySource, candidates, anyFormat, (info, group, request) => {
        const match = bestMatch(info, group, request);
        const wanted = wantedSize(info, request);
        const enough = (size: Candidate) => size.widthPx >= wanted.widthPx && size.heightPx >= wanted.heightPx;
        const made = match?.candidate.format.text === request.text;
        expect(match?.relation === 'smaller').toBe(match !== undefined && !made && !enough(match.candidate));
      }),
    );
  });
});

test('previews that exist and previews that are planned are chosen by the same rule', () => {
  fc.assert(
    fc.property(
      anySource,
      fc.boolean(),
      fc.array(anyFormat, { minLength: 1, maxLength: 6 }),
      anyFormat,
      (info, alpha, raw, request) => {
        const plan = planSequence(info, alpha, sequenceOf(raw.map(({ text }) => text)).formats);
        const previews: Preview[] = plan.map((planned, index) => ({
          formats: planned.formats.map(({ text }) => text),
          type: planned.type,
          ...planned.geometry.size,
          bytes: 1,
          digest: digestOf(Buffer.from([index])),
        }));
        const made = bestPreview(info, previews, request);
        expect(made && plan[previews.indexOf(made.preview)]).toBe(bestPlanned(info, plan, request));
      },
    ),
  );
});

test('a planned sequence answers each of its own formats with the preview made for it', () => {
  fc.assert(
    fc.property(anySource, fc.boolean(), (info, alpha) => {
      const { formats } = sequenceOf(['auto:200x150', 'auto:200x150~cover', 'auto:800x800', 'auto:1920x1080~cover']);
      const plan = planSequence(info, alpha, formats);
      for (const format of formats)
        expect(bestPlanned(info, plan, format)?.formats.map(({ text }) => text)).toContain(format.text);
    }),
  );
});
