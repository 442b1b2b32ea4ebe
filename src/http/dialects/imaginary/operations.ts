// imaginary's operations as steps of a recipe: what each needs, and how its sizes come about. Pure.
import { ProofsheetError } from '../../../kernel/errors.js';
import {
  type CanvasStep,
  canvas,
  type Extend,
  type Gravity,
  type Recipe,
  type RecipeType,
  type Step,
  scale,
} from '../../../kernel/recipe/recipe.js';
import { sigmaOf } from '../../../kernel/recipe/recipe-text.js';
import type { Turn } from '../../../kernel/recipe/turn.js';
import { colour, fraction, type Given, keyword, truth, whole, word, wrong } from './parameters.js';

/** One operation, checked. */
export interface Operation {
  /** EXIF orientation is applied before it, where it is the first. */
  readonly turnsUpright: boolean;
  readonly steps: readonly Step[];
  /** Absent: as the input. `auto`: by what the client takes, outside of pipelines. */
  readonly type?: RecipeType;
  /** Absent: the default. */
  readonly quality?: number;
  readonly background?: string;
}

interface Sides {
  readonly width: number;
  readonly height: number;
}

type StepsOf = (sides: Sides, given: Given) => readonly Step[];

const NEITHER = 'expected width or height, got neither';
const BOTH = 'expected width and height, got one or neither';

/** By name, as it stands in paths and pipelines. */
export const OPERATIONS = {
  fit: ({ width, height }) => {
    need(width > 0 && height > 0, BOTH);
    return [scale(width, height, 'contain', 'never')];
  },
  resize(sides, given) {
    const { width, height } = sides;
    need(width > 0 || height > 0, NEITHER);
    if (truth(given, 'force')) return forced(sides);
    if (truth(given, 'nocrop') === false) return cropped(sides, gravityOf(given));
    if (width === 0 || height === 0) return [scale(width, height, 'contain', 'never')];
    return [scale(width, height, 'contain', 'unless-within'), canvas(width, height, 'unless-within', padOf(given))];
  },
  crop(sides, given) {
    need(sides.width > 0 || sides.height > 0, NEITHER);
    return cropped(sides, gravityOf(given));
  },
  smartcrop(sides) {
    need(sides.width > 0 || sides.height > 0, NEITHER);
    return cropped(sides, 'attention');
  },
  enlarge({ width, height }, given) {
    need(width > 0 && height > 0, BOTH);
    if (truth(given, 'nocrop')) return [scale(width, height, 'contain', 'always')];
    return [scale(width, height, 'cover', 'always'), canvas(width, height, 'cut', { gravity: gravityOf(given) })];
  },
  extract(sides, given) {
    const [widthPx, heightPx] = [whole(given, 'areawidth'), whole(given, 'areaheight')];
    need(widthPx > 0 && heightPx > 0, 'expected areawidth and areaheight, got one or neither');
    const at = { leftPx: whole(given, 'left'), topPx: whole(given, 'top') };
    return [...forced(sides), { step: 'region', ...at, widthPx, heightPx }];
  },
  thumbnail(sides) {
    need(sides.width > 0 || sides.height > 0, NEITHER);
    return forced(sides);
  },
  convert(sides, given) {
    need(word(given, 'type') !== '', 'expected a type, got none');
    return forced(sides);
  },
  rotate(sides, given) {
    need(whole(given, 'rotate') > 0, 'expected rotate, got none');
    return forced(sides);
  },
  // Of other parameters it takes none.
  autorotate: () => [],
  flip: (sides) => [...forced(sides), { step: 'turn', turn: 2 }],
  flop: (sides) => [...forced(sides), { step: 'turn', turn: 4 }],
  blur(sides, given) {
    need(fraction(given, 'sigma') > 0 || fraction(given, 'minampl') > 0, 'expected sigma or minampl, got neither');
    return forced(sides);
  },
} as const satisfies Record<string, StepsOf>;

export type OperationName = keyof typeof OPERATIONS;

export const OPERATION_NAMES = Object.keys(OPERATIONS) as readonly OperationName[];

/** What imaginary does and this server does not. */
export const REFUSED_OPERATIONS = ['zoom', 'watermark', 'watermarkImage', 'watermarkimage'] as const;

/** Throws `invalid-request-format` for what it needs and does not get. */
export function operationOf(name: OperationName, given: Given, isOfPipeline: boolean): Operation {
  if (word(given, 'colorspace') === 'bw') throw unsupported('colorspace=bw is not offered here');
  const sides = sidesOf(given);
  const own = OPERATIONS[name](sides, given);
  checkUnused(given);
  if (name === 'autorotate') return { turnsUpright: true, steps: own };
  const rotate = whole(given, 'rotate');
  const degrees = Math.min(270, Math.floor(rotate / 90) * 90);
  const sigma = fraction(given, 'sigma') || (name === 'blur' ? fraction(given, 'minampl') : 0);
  const turns: readonly (Turn | undefined)[] = [
    QUARTERS[degrees],
    name !== 'flip' && truth(given, 'flip') ? 2 : undefined,
    name !== 'flop' && truth(given, 'flop') ? 4 : undefined,
  ];
  const type = typeOf(word(given, 'type'), isOfPipeline);
  const quality = whole(given, 'quality');
  const background = colour(given, 'background');
  return {
    turnsUpright: truth(given, 'norotation') !== true && rotate === 0,
    steps: [
      ...turns.flatMap((turn): Step[] => (turn === undefined ? [] : [{ step: 'turn', turn }])),
      ...own,
      ...(sigma > 0 ? [{ step: 'blur', sigmaPx: sigmaOf(sigma) } as const] : []),
    ],
    ...(type && { type }),
    ...(quality > 0 && { quality: Math.min(100, quality) }),
    ...(background !== undefined && { background }),
  };
}

/** The operations one after the other as one recipe, drawn in one go; the last word on type, quality and background counts. */
export function recipeOf(operations: readonly [Operation, ...Operation[]]): Recipe {
  const last = operations[operations.length - 1] ?? operations[0];
  const background = operations.findLast((operation) => operation.background !== undefined)?.background;
  return {
    type: operations.findLast(({ type }) => type !== undefined)?.type ?? 'source',
    ...(last.quality !== undefined && { quality: last.quality }),
    background: background ?? 'none',
    page: 1,
    steps: [
      ...(operations[0].turnsUpright ? [{ step: 'upright' } as const] : []),
      ...operations.flatMap(({ steps }) => steps),
    ],
  };
}

export function unsupported(message: string): ProofsheetError {
  return new ProofsheetError('unsupported-request', message);
}

const QUARTERS: Readonly<Record<number, Turn>> = { 90: 6, 180: 3, 270: 8 };

function need(holds: boolean, message: string): void {
  if (!holds) throw wrong(message);
}

/** Both sides: distorted. One: in proportion. Neither: as it is. */
function forced({ width, height }: Sides): readonly Step[] {
  return width === 0 && height === 0 ? [] : [scale(width, height, 'fill', 'always')];
}

/** Of one side alone the other stays the picture's own. */
function cropped({ width, height }: Sides, gravity: Gravity): readonly Step[] {
  return [scale(width || -1, height || -1, 'cover', 'unless-within'), canvas(width, height, 'cut', { gravity })];
}

function sidesOf(given: Given): Sides {
  const [width, height] = [whole(given, 'width'), whole(given, 'height')];
  const [, x = '', y = ''] = /^([0-9]{1,5}):([0-9]{1,5})$/.exec(word(given, 'aspectratio')) ?? [];
  const [across, down] = [Number(x), Number(y)];
  if (across === 0 || down === 0 || width > 0 === height > 0) return { width, height };
  return width > 0
    ? { width, height: Math.floor((width * down) / across) }
    : { width: Math.floor((height * across) / down), height };
}

const GRAVITY_NAMES: Readonly<Record<string, Gravity>> = {
  north: 'north',
  south: 'south',
  east: 'east',
  west: 'west',
  smart: 'attention',
};

function gravityOf(given: Given): Gravity {
  const name = keyword(given, 'gravity');
  return Object.hasOwn(GRAVITY_NAMES, name) ? (GRAVITY_NAMES[name] ?? 'centre') : 'centre';
}

/** The outermost pixels unless something else is said; a word that is none means mirrored. */
function padOf(given: Given): Partial<CanvasStep> {
  const name = keyword(given, 'extend');
  const byName: Readonly<Record<string, readonly [Extend, string?]>> = {
    '': ['copy'],
    copy: ['copy'],
    lastpixel: ['copy'],
    black: ['background', '000000'],
    white: ['background', 'ffffff'],
    background: ['background', colour(given, 'background') ?? '000000'],
  };
  const [extend, background] = Object.hasOwn(byName, name)
    ? (byName[name] ?? ['mirror' as const])
    : (['mirror'] as const);
  return { extend, ...(background !== undefined && { background }) };
}

const TYPE_NAMES: Readonly<Record<string, RecipeType>> = { jpeg: 'jpg', png: 'png', webp: 'webp', gif: 'gif' };

/** In a pipeline what is no type means as the input. */
function typeOf(given: string, isOfPipeline: boolean): RecipeType | undefined {
  const name = given.toLowerCase();
  if (name === '') return undefined;
  if (Object.hasOwn(TYPE_NAMES, name)) return TYPE_NAMES[name];
  if (isOfPipeline) return undefined;
  if (name === 'auto') return 'auto';
  throw wrong('expected a type of jpeg, png, webp, gif or auto, got another');
}

/** Of no effect, here or on this operation: metadata are never passed on, colours always are, and encoders are chosen here. */
const UNUSED = {
  truths: ['stripmeta', 'noprofile', 'interlace', 'palette', 'embed', 'force', 'nocrop', 'norotation', 'noreplicate'],
  numbers: ['compression', 'speed', 'factor', 'margin', 'dpi', 'textwidth', 'opacity'],
  words: ['text', 'font', 'color', 'image', 'gravity', 'extend', 'background', 'aspectratio'],
} as const;

/** What is sent for another operation has to be of its kind, too. */
function checkUnused(given: Given): void {
  for (const name of UNUSED.truths) truth(given, name);
  for (const name of UNUSED.numbers) fraction(given, name);
  for (const name of UNUSED.words) word(given, name);
}
