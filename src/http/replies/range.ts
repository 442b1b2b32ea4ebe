// Byte ranges (RFC 9110, section 14) over a header text and a length. Pure and free of Express.
//
// Several ranges that could all be answered are answered with the whole preview (200), as the RFC allows: previews are
// small, and multipart/byteranges would let one short request ask for the same bytes many times over.

/** A closed interval of bytes: `first` to `last`, both included, 0-based. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** `whole`: answer 200 as if there were no Range. `part`: 206. `unsatisfiable`: 416. */
export type RangeAnswer =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly range: ByteRange }
  | { readonly kind: 'unsatisfiable' };

const WHOLE: RangeAnswer = { kind: 'whole' };
/** More ranges than any honest client sends; a longer list is not looked at. */
const MAX_RANGES = 32;

/** How a `Range` text is answered for `length` bytes. A text that is no valid `bytes` range is ignored, as the RFC says. */
export function rangeAnswer(range: string | undefined, length: number): RangeAnswer {
  if (range === undefined) return WHOLE;
  const set = /^bytes=(.*)$/i.exec(range)?.[1];
  if (set === undefined) return WHOLE;
  const specs = set
    .split(',', MAX_RANGES + 1)
    .map((spec) => spec.trim())
    .filter((spec) => spec !== '');
  if (specs.length === 0 || specs.length > MAX_RANGES) return WHOLE;

  const satisfiable: ByteRange[] = [];
  for (const spec of specs) {
    const parsed = parseSpec(spec, length);
    if (parsed === 'invalid') return WHOLE;
    if (parsed !== 'beyond') satisfiable.push(parsed);
  }
  const [only, ...others] = satisfiable;
  if (only === undefined) return { kind: 'unsatisfiable' };
  return others.length > 0 ? WHOLE : { kind: 'part', range: only };
}

/** The `Content-Range` of a 206. */
export function contentRange(range: ByteRange, length: number): string {
  return `bytes ${range.first}-${range.last}/${length}`;
}

/** The `Content-Range` of a 416. */
export function unsatisfiedContentRange(length: number): string {
  return `bytes */${length}`;
}

function parseSpec(spec: string, length: number): ByteRange | 'invalid' | 'beyond' {
  const match = /^(\d*)-(\d*)$/.exec(spec);
  const firstText = match?.[1] ?? '';
  const lastText = match?.[2] ?? '';
  if (firstText === '' && lastText === '') return 'invalid';
  if (firstText === '') {
    const suffix = Number(lastText);
    if (suffix === 0 || length === 0) return 'beyond';
    return { first: Math.max(0, length - suffix), last: length - 1 };
  }
  const first = Number(firstText);
  const last = lastText === '' ? Number.POSITIVE_INFINITY : Number(lastText);
  if (last < first) return 'invalid';
  if (first >= length) return 'beyond';
  return { first, last: Math.min(last, length - 1) };
}
