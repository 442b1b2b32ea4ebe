// The format grammar of target and request formats: TYPE:WIDTHxHEIGHT[~SCALETYPE][~norotate][~expand][~page=N][@QUALITY]. App
// Suite writes the defaults out: ~autorotate, ~shrinkonly and @75 are words of the grammar that change nothing.
// Text in, value out, and back to one canonical text; nothing here knows of sources or encoders.
import { ProofsheetError } from './errors.js';

export const FORMAT_TYPES = ['auto', 'jpg', 'png', 'webp', 'avif', 'gif'] as const;
export type FormatType = (typeof FORMAT_TYPES)[number];

/** What an encoded preview really is: a format type with `auto` decided. */
export type PreviewType = Exclude<FormatType, 'auto'>;

export const SCALE_TYPES = ['contain', 'cover', 'coverandcrop', 'containforcedimension'] as const;
/** How a source is worked into the box; the grammar's `auto` is read as `contain`. */
export type ScaleType = (typeof SCALE_TYPES)[number];

/** A parsed format. Equal formats have equal `text`. */
export interface Format {
  readonly type: FormatType;
  /** Box width in pixels, 1 to 16384, or -1: the source's own width. */
  readonly widthPx: number;
  /** Box height in pixels, 1 to 16384, or -1: the source's own height. */
  readonly heightPx: number;
  readonly scaleType: ScaleType;
  /** Leave the source as it is stored: EXIF orientation is not applied. */
  readonly norotate: boolean;
  /** Enlarge a source that is smaller than the box. */
  readonly expand: boolean;
  /** Of a document or a TIFF, 1 to 100000; 1 is the default. The last page of a source with fewer. */
  readonly page: number;
  /** 1 to 100 but for the type's default, which is `undefined`. */
  readonly quality: number | undefined;
  /** The canonical spelling; a default is never written out. */
  readonly text: string;
}

export const MAX_BOX_SIDE_PX = 16_384;
const MAX_PAGE = 100_000;

/**
 * Quality of a lossy type when the format names none. Of AVIF 60 is what JPEG has at 75: as near or nearer by SSIM and smaller
 * in 42 of 63 photographs, where 50 was in 5.
 */
export function defaultQualityOf(type: FormatType): number {
  return type === 'avif' ? 60 : 75;
}

/** Flags that write out a default; beside their opposites those win, as in the original. */
const DEFAULT_FLAGS: readonly string[] = ['autorotate', 'shrinkonly'];
/** All flags; each may stand once. */
const FLAGS: readonly string[] = ['norotate', 'expand', ...DEFAULT_FLAGS];

/** Longer than any meaningful format; a longer text is refused before it is looked at. */
export const MAX_FORMAT_CHARACTERS = 200;

const TYPE_BY_NAME: Readonly<Record<string, FormatType>> = {
  auto: 'auto',
  jpg: 'jpg',
  jpeg: 'jpg',
  png: 'png',
  webp: 'webp',
  avif: 'avif',
  gif: 'gif',
};

const SCALE_TYPE_BY_NAME: Readonly<Record<string, ScaleType>> = {
  auto: 'contain',
  contain: 'contain',
  cover: 'cover',
  coverandcrop: 'coverandcrop',
  containforcedimension: 'containforcedimension',
};

/** Parses `text`; throws `invalid-request-format` naming the position (0-based) of the fault and what would be right there. */
export function parseFormat(text: string): Format {
  return readPlain(text) ?? new FormatParser(text).parse();
}

/** As programs write formats: one expression is faster than the parser, which is there to say what is wrong. */
const PLAIN = /^([a-z]+):(-1|[0-9]{1,5})x(-1|[0-9]{1,5})((?:~[a-z]+(?:=[0-9]+)?)*)(?:@([0-9]{1,3}))?$/;

/** The format that a plainly written text is; `undefined` for any other text, which may be one all the same. */
export function readPlain(text: string): Format | undefined {
  const found = PLAIN.exec(text);
  if (found === null) return undefined;
  const type = formatTypeOf(found[1] ?? '');
  const widthPx = Number(found[2]);
  const heightPx = Number(found[3]);
  const taken: Taken = { scaleType: undefined, page: undefined, flags: [] };
  const words = found[4];
  const areTaken =
    !words ||
    words
      .slice(1)
      .split('~')
      .every((word) => take(word, taken));
  if (!type) return undefined;
  const quality = found[5] === undefined ? defaultQualityOf(type) : qualityOf(found[5]);
  if (!isSide(widthPx) || !isSide(heightPx) || !areTaken || !quality) return undefined;
  return formatOf(type, widthPx, heightPx, optionsOf(taken), quality);
}

/** The format of these parts. Property by property, because to spread three objects costs more than all of the parsing. */
export function formatOf(
  type: FormatType,
  widthPx: number,
  heightPx: number,
  { scaleType, norotate, expand, page }: FormatOptions,
  givenQuality: number | undefined,
): Format {
  const quality = givenQuality === defaultQualityOf(type) ? undefined : givenQuality;
  const parts = { type, widthPx, heightPx, scaleType, norotate, expand, page, quality };
  return { type, widthPx, heightPx, scaleType, norotate, expand, page, quality, text: formatText(parts) };
}

/** The canonical text of a format's parts. */
export function formatText(format: Omit<Format, 'text'>): string {
  const scale = format.scaleType === 'contain' ? '' : `~${format.scaleType}`;
  const flags = `${format.norotate ? '~norotate' : ''}${format.expand ? '~expand' : ''}`;
  const page = format.page === 1 ? '' : `~page=${format.page}`;
  const quality = format.quality === undefined ? '' : `@${format.quality}`;
  return `${format.type}:${format.widthPx}x${format.heightPx}${scale}${flags}${page}${quality}`;
}

export type FormatOptions = Pick<Format, 'scaleType' | 'norotate' | 'expand' | 'page'>;

/** The words of a format so far. */
interface Taken {
  scaleType: ScaleType | undefined;
  page: number | undefined;
  readonly flags: string[];
}

/** Adds an option in lower case; `false` when it is none, or may not stand a second time. */
function take(word: string, taken: Taken): boolean {
  if (word.includes('=')) {
    const page = taken.page === undefined ? pageOfWord(word) : undefined;
    taken.page = page;
    return page !== undefined;
  }
  const scale = lookUp(SCALE_TYPE_BY_NAME, word);
  if (scale !== undefined ? taken.scaleType !== undefined : !FLAGS.includes(word) || taken.flags.includes(word))
    return false;
  if (scale === undefined) taken.flags.push(word);
  else taken.scaleType = scale;
  return true;
}

/** The page that `page=N` names, 1 to 100000; `undefined` for anything else. */
export function pageOfWord(word: string): number | undefined {
  const digits = /^page=([0-9]{1,6})$/.exec(word)?.[1];
  const page = Number(digits ?? 0);
  return page >= 1 && page <= MAX_PAGE ? page : undefined;
}

function optionsOf({ scaleType, page, flags }: Taken): FormatOptions {
  return {
    scaleType: scaleType ?? 'contain',
    norotate: flags.includes('norotate'),
    expand: flags.includes('expand'),
    page: page ?? 1,
  };
}

/** Whether a side may be so long. */
function isSide(value: number): boolean {
  return value === -1 || (value >= 1 && value <= MAX_BOX_SIDE_PX);
}

/** The type of this name, in whatever case. */
export function formatTypeOf(name: string): FormatType | undefined {
  return lookUp(TYPE_BY_NAME, name);
}

/** Whether `name`, in lower case, is a flag that changes nothing. */
export function isDefaultFlag(name: string): boolean {
  return DEFAULT_FLAGS.includes(name);
}

/** The quality that these digits are, 1 to 100; `undefined` for anything else. */
export function qualityOf(digits: string): number | undefined {
  const value = /^[0-9]+$/.test(digits) ? Number(digits) : 0;
  return value >= 1 && value <= 100 ? value : undefined;
}

class FormatParser {
  private at = 0;

  constructor(private readonly source: string) {}

  parse(): Format {
    if (this.source.length > MAX_FORMAT_CHARACTERS) {
      this.fail(MAX_FORMAT_CHARACTERS, `at most ${MAX_FORMAT_CHARACTERS} characters`);
    }
    const type = this.type();
    const widthPx = this.side('a width');
    if (this.source[this.at]?.toLowerCase() !== 'x') this.fail(this.at, '"x" between width and height');
    this.at++;
    const heightPx = this.side('a height');
    const options = this.options();
    const quality = this.quality();
    if (this.at < this.source.length) this.fail(this.at, 'the end of the format');
    return formatOf(type, widthPx, heightPx, options, quality);
  }

  private type(): FormatType {
    const colon = this.source.indexOf(':');
    if (colon < 0) return 'auto';
    const type = formatTypeOf(this.source.slice(0, colon));
    if (type === undefined) this.fail(0, `a type (${FORMAT_TYPES.join(', ')})`);
    this.at = colon + 1;
    return type;
  }

  private side(what: string): number {
    const digits = /^(?:-1|[0-9]+)/.exec(this.source.slice(this.at))?.[0];
    const value = digits === undefined ? Number.NaN : Number(digits);
    if (!isSide(value)) {
      this.fail(this.at, `${what} of 1 to ${MAX_BOX_SIDE_PX}, or -1 for the source's own`);
    }
    this.at += digits?.length ?? 0;
    return value;
  }

  private options(): FormatOptions {
    const taken: Taken = { scaleType: undefined, page: undefined, flags: [] };
    // Older clients write "-cover" for "~cover"; a "-" can stand nowhere else behind the height.
    while (this.source[this.at] === '~' || this.source[this.at] === '-') {
      const start = this.at + 1;
      const word = /^[a-z]*(?:=[0-9]*)?/i.exec(this.source.slice(start))?.[0].toLowerCase() ?? '';
      if (!take(word, taken))
        this.fail(
          start,
          `one scale type (auto, ${SCALE_TYPES.join(', ')}), or one of ${FLAGS.join(', ')} or page=N of 1 to ${MAX_PAGE}, each once`,
        );
      this.at = start + word.length;
    }
    return optionsOf(taken);
  }

  private quality(): number | undefined {
    if (this.source[this.at] !== '@') return undefined;
    const start = this.at + 1;
    const digits = /^[0-9]+/.exec(this.source.slice(start))?.[0] ?? '';
    const value = qualityOf(digits);
    if (value === undefined) this.fail(start, 'a quality of 1 to 100');
    this.at = start + digits.length;
    return value;
  }

  private fail(position: number, expected: string): never {
    throw new ProofsheetError(
      'invalid-request-format',
      `expected ${expected} at position ${position} of the format; a format is TYPE:WIDTHxHEIGHT[~SCALETYPE][~norotate][~expand][~page=N][@QUALITY], for example auto:800x800~cover@80`,
    );
  }
}

/** A case-insensitive look-up that `constructor` and `__proto__` do not fall through. */
function lookUp<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  const key = name.toLowerCase();
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
