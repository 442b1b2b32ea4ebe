// A request format as the original reads it: nothing is refused. What cannot be read means the default, and is named, so
// that whoever wrote it can see. Agrees with the grammar of format.ts on every text that is one.
import {
  type Format,
  type FormatOptions,
  formatOf,
  formatTypeOf,
  isDefaultFlag,
  MAX_BOX_SIDE_PX,
  MAX_FORMAT_CHARACTERS,
  pageOfWord,
  qualityOf,
  readPlain,
  type ScaleType,
} from './format.js';

/** What was read, and what of the text was passed over, in its order; nothing of a text of the grammar. */
export interface RequestFormat {
  readonly format: Format;
  readonly ignored: readonly string[];
}

/** The box takes the source's own extent on a side that is not given. */
const OWN_EXTENT = -1;
/** Where the options begin: "-" begins one before a letter only, as older clients write it, else it belongs to a number. */
const OPTION_START = /[~@]|-(?=[a-z])/;
const BETWEEN_OPTIONS = /(?=[~@]|-[a-z])/;

/** Reads any text. A side over the limit counts as the limit; characters beyond the longest format are not looked at. */
export function readRequestFormat(text: string): RequestFormat {
  const plain = readPlain(text);
  return plain === undefined ? readAnything(text) : { format: plain, ignored: [] };
}

function readAnything(text: string): RequestFormat {
  const ignored: string[] = [];
  const rest = text.slice(0, MAX_FORMAT_CHARACTERS).trim().toLowerCase();
  const colon = rest.indexOf(':');
  const behindType = rest.slice(colon + 1);
  const optionsAt = behindType.search(OPTION_START);
  const box = (optionsAt < 0 ? behindType : behindType.slice(0, optionsAt)).trim();

  // Without a colon there may still be a bare type, as the first clients sent it: "auto".
  const typeText = colon < 0 ? box : rest.slice(0, colon).trim();
  const type = formatTypeOf(typeText);
  if (colon >= 0 && type === undefined) ignored.push(`${typeText}:`);
  const sides = colon < 0 && type !== undefined ? NO_BOX : readBox(box, ignored);
  const options = readOptions(optionsAt < 0 ? '' : behindType.slice(optionsAt), ignored);
  if (text.length > MAX_FORMAT_CHARACTERS)
    ignored.push(`${text.length - MAX_FORMAT_CHARACTERS} characters behind the first ${MAX_FORMAT_CHARACTERS}`);

  const { widthPx, heightPx } = sides;
  return { format: formatOf(type ?? 'auto', widthPx, heightPx, options, options.quality), ignored };
}

type Sides = Pick<Format, 'widthPx' | 'heightPx'>;
const NO_BOX: Sides = { widthPx: OWN_EXTENT, heightPx: OWN_EXTENT };

/** A single number is the width. */
function readBox(box: string, ignored: string[]): Sides {
  const x = box.indexOf('x');
  return x < 0
    ? { ...NO_BOX, widthPx: readSide(box, ignored) }
    : { widthPx: readSide(box.slice(0, x), ignored), heightPx: readSide(box.slice(x + 1), ignored) };
}

function readSide(text: string, ignored: string[]): number {
  const digits = text.trim();
  if (digits === '' || digits === '-1') return OWN_EXTENT;
  const value = /^[0-9]+$/.test(digits) ? Number(digits) : 0;
  if (value >= 1 && value <= MAX_BOX_SIDE_PX) return value;
  ignored.push(digits);
  return value > MAX_BOX_SIDE_PX ? MAX_BOX_SIDE_PX : OWN_EXTENT;
}

/** Words in any order; of several scale types the last that is no default counts, of several qualities or pages the first. */
function readOptions(text: string, ignored: string[]): FormatOptions & Pick<Format, 'quality'> {
  const words = text === '' ? [] : text.split(BETWEEN_OPTIONS).map(readWord);
  const scaleType = words.findLast(({ scale }) => scale !== undefined && scale !== 'contain')?.scale ?? 'contain';
  const quality = words.find((word) => word.quality !== undefined)?.quality;
  const page = words.find((word) => word.page !== undefined)?.page;
  for (const word of words) {
    const counts = word.scale === undefined || word.scale === scaleType;
    const isFirst = (word.quality ?? quality) === quality && (word.page ?? page) === page;
    if (!word.isKnown || !counts || !isFirst) ignored.push(word.text);
  }
  return {
    scaleType,
    norotate: words.some(({ flag }) => flag === 'norotate'),
    expand: words.some(({ flag }) => flag === 'expand'),
    page: page ?? 1,
    quality,
  };
}

interface Word {
  /** With the sign in front. */
  readonly text: string;
  readonly isKnown: boolean;
  readonly scale?: ScaleType;
  readonly flag?: 'norotate' | 'expand';
  readonly quality?: number;
  readonly page?: number;
}

/** One option with its sign. A misspelt word may still be known: the original looks for parts of words. */
function readWord(token: string): Word {
  const text = token.trim();
  const name = text.slice(1).trim();
  if (text.startsWith('@')) {
    const quality = qualityOf(name);
    return quality === undefined ? { text, isKnown: false } : { text, isKnown: true, quality };
  }
  const page = pageOfWord(name);
  if (page !== undefined) return { text, isKnown: true, page };
  if (name.startsWith('cov')) return { text, isKnown: true, scale: name.includes('crop') ? 'coverandcrop' : 'cover' };
  if (name.includes('force') || name.includes('dimension'))
    return { text, isKnown: true, scale: 'containforcedimension' };
  if (name === 'contain' || name === 'auto') return { text, isKnown: true, scale: 'contain' };
  if (name.includes('norotate')) return { text, isKnown: true, flag: 'norotate' };
  if (name.includes('expand')) return { text, isKnown: true, flag: 'expand' };
  return { text, isKnown: isDefaultFlag(name) };
}
