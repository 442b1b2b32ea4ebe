// Random but valid words of the kernel for property tests: formats, sizes, sources, candidates.
import fc from 'fast-check';
import type { Candidate } from '../../src/kernel/best-match.js';
import {
  defaultQualityOf,
  FORMAT_TYPES,
  type Format,
  formatText,
  parseFormat,
  SCALE_TYPES,
} from '../../src/kernel/format.js';
import type { Size } from '../../src/kernel/sizes.js';
import { SOURCE_TYPES, type SourceInfo } from '../../src/kernel/source.js';
import { sourceInfo } from './records.js';

/** A box side: mostly a number of pixels, sometimes the source's own extent. */
const side = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 4000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 16_384 }) },
  { weight: 1, arbitrary: fc.constant(-1) },
);

/** The parts of a format, any valid combination. */
export const formatParts = fc
  .record({
    type: fc.constantFrom(...FORMAT_TYPES),
    widthPx: side,
    heightPx: side,
    scaleType: fc.constantFrom(...SCALE_TYPES),
    norotate: fc.boolean(),
    expand: fc.boolean(),
    page: fc.integer({ min: 1, max: 3 }),
    quality: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
  })
  .filter(({ type, quality }) => quality !== defaultQualityOf(type));

export const anyFormat: fc.Arbitrary<Format> = formatParts.map((parts) => parseFormat(formatText(parts)));

/** A picture's size; extreme proportions included. */
export const anySize: fc.Arbitrary<Size> = fc.record({
  widthPx: fc.oneof(fc.integer({ min: 1, max: 8000 }), fc.constantFrom(1, 2, 3, 16_384, 65_535)),
  heightPx: fc.oneof(fc.integer({ min: 1, max: 8000 }), fc.constantFrom(1, 2, 3, 16_384, 65_535)),
});

export const anySource: fc.Arbitrary<SourceInfo> = fc
  .record({
    size: anySize,
    type: fc.constantFrom(...SOURCE_TYPES),
    orientation: fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8),
    frames: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ size, type, orientation, frames }) => {
    const animated = frames > 1 && (type === 'gif' || type === 'webp');
    return sourceInfo({ ...size, type, orientation, pages: animated ? frames : 1, animated });
  });

/** A preview of some size, type and target format, as best match sees it. */
export const anyCandidate: fc.Arbitrary<Candidate> = fc
  .record({
    format: anyFormat,
    type: fc.constantFrom('jpg', 'png', 'webp', 'gif'),
    size: fc.record({ widthPx: fc.integer({ min: 1, max: 3000 }), heightPx: fc.integer({ min: 1, max: 3000 }) }),
  })
  .map(({ format, type, size }) => ({ format, type, ...size }));
