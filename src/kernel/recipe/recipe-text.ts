// Recipes as text: TYPE[@QUALITY][,bg=RRGGBB][,page=N] and the steps behind it, each after a slash:
//   jpg@80/upright/scale:300x200:cover:always/canvas:300x200:cut
// One canonical spelling for each recipe; equal texts are equal recipes. A mark is named there (mark=HASH) and not told: who reads such a
// text has no recipe.
import { digestOf } from '../digest.js';
import { ProofsheetError } from '../errors.js';
import { FORMAT_TYPES } from '../format.js';
import {
  CANVASES,
  type CanvasStep,
  type Colour,
  ENLARGES,
  EXTENDS,
  FITS,
  GRAVITIES,
  MAX_RECIPE_SIDE_PX,
  MAX_STEPS,
  type Mark,
  NO_COLOUR,
  type Recipe,
  type RecipeType,
  type ScaleStep,
  type Step,
} from './recipe.js';
import { TURNS } from './turn.js';

/** More than the longest recipe takes. */
const MAX_CHARACTERS = 4_096;
const TYPES: readonly RecipeType[] = [...FORMAT_TYPES, 'source'];
/** 96 bits: operators name few marks. */
const MARK_CHARACTERS = 24;
const MIN_SIGMA_PX = 0.3;
const MAX_SIGMA_PX = 1_000;

/** The canonical text. Numbers are whole but for blurs, of which hundredths count. */
export function recipeText({ type, quality, background, page, steps, mark }: Recipe): string {
  const head = `${type}${quality === undefined ? '' : `@${quality}`}${background === NO_COLOUR ? '' : `,bg=${background}`}`;
  const laid = mark === undefined ? '' : `,mark=${markName(mark)}`;
  return [`${head}${page === 1 ? '' : `,page=${page}`}${laid}`, ...steps.map(stepText)].join('/');
}

/** By all that shows of it. */
function markName({ kind, digest, opacity, scale }: Mark): string {
  return digestOf(Buffer.from(JSON.stringify([kind, digest, opacity, scale]))).slice(0, MARK_CHARACTERS);
}

function stepText(step: Step): string {
  switch (step.step) {
    case 'upright':
      return 'upright';
    case 'turn':
      return `turn:${step.turn}`;
    case 'region':
      return `region:${step.leftPx},${step.topPx},${step.widthPx}x${step.heightPx}`;
    case 'scale':
      return `scale:${step.widthPx}x${step.heightPx}:${step.fit}:${step.enlarge}`;
    case 'canvas':
      return `canvas:${step.widthPx}x${step.heightPx}:${step.mode}${wordsOf(step)}`;
    case 'blur':
      return `blur:${sigmaText(step.sigmaPx)}`;
  }
}

/** What is not the default of a canvas. */
function wordsOf({ gravity, extend, background }: CanvasStep): string {
  const words = [
    ...(gravity === 'centre' ? [] : [gravity]),
    ...(extend === 'background' ? [] : [extend]),
    ...(background === NO_COLOUR || extend !== 'background' ? [] : [`bg=${background}`]),
  ];
  return words.map((word) => `:${word}`).join('');
}

/** A sigma as its text has it. */
export function sigmaOf(value: number): number {
  return Math.round(Math.min(MAX_SIGMA_PX, Math.max(MIN_SIGMA_PX, value)) * 100) / 100;
}

function sigmaText(sigmaPx: number): string {
  return String(sigmaOf(sigmaPx));
}

/** The recipe of a text; throws `invalid-request-format` for any other. */
export function parseRecipe(text: string): Recipe {
  if (text.length > MAX_CHARACTERS) throw wrong(`a recipe of at most ${MAX_CHARACTERS} characters`);
  const [head = '', ...words] = text.split('/');
  if (words.length > MAX_STEPS) throw wrong(`at most ${MAX_STEPS} steps`);
  return { ...parseHead(head), steps: words.map(parseStep) };
}

function parseHead(text: string): Omit<Recipe, 'steps'> {
  const [, name, quality, background, page] =
    /^([a-z]+)(?:@([0-9]{1,3}))?(?:,bg=([0-9a-f]{6}))?(?:,page=([0-9]{1,6}))?$/.exec(text) ?? [];
  const type = TYPES.find((known) => known === name);
  if (type === undefined) throw wrong('TYPE[@QUALITY][,bg=RRGGBB][,page=N] before the first step');
  return {
    type,
    ...(quality !== undefined && { quality: within(quality, 1, 100, 'a quality') }),
    background: background ?? NO_COLOUR,
    page: page === undefined ? 1 : within(page, 1, 100_000, 'a page'),
  };
}

function parseStep(text: string): Step {
  const [name, ...words] = text.split(':');
  switch (name) {
    case 'upright':
      if (words.length === 0) return { step: 'upright' };
      break;
    case 'turn': {
      const turn = words.length === 1 ? TURNS.find((known) => String(known) === words[0]) : undefined;
      if (turn !== undefined) return { step: 'turn', turn };
      break;
    }
    case 'region':
      return parseRegion(words.join(':'));
    case 'scale':
      return parseScale(words);
    case 'canvas':
      return parseCanvas(words);
    case 'blur': {
      const sigma = words.length === 1 && /^[0-9]{1,4}(?:\.[0-9]{1,2})?$/.test(words[0] ?? '') ? Number(words[0]) : -1;
      if (sigma >= MIN_SIGMA_PX && sigma <= MAX_SIGMA_PX) return { step: 'blur', sigmaPx: sigma };
      break;
    }
  }
  throw wrong('steps of upright, turn:1..8, region:L,T,WxH, scale:WxH:FIT:ENLARGE, canvas:WxH:MODE, blur:SIGMA');
}

function parseRegion(text: string): Step {
  const [, left, top, width, height] = /^([0-9]{1,7}),([0-9]{1,7}),([0-9]{1,7})x([0-9]{1,7})$/.exec(text) ?? [];
  if (left === undefined || top === undefined || width === undefined || height === undefined)
    throw wrong('region:LEFT,TOP,WIDTHxHEIGHT');
  return {
    step: 'region',
    leftPx: within(left, 0, MAX_RECIPE_SIDE_PX, 'a left edge'),
    topPx: within(top, 0, MAX_RECIPE_SIDE_PX, 'a top edge'),
    widthPx: within(width, 1, MAX_RECIPE_SIDE_PX, 'a width'),
    heightPx: within(height, 1, MAX_RECIPE_SIDE_PX, 'a height'),
  };
}

function parseBox(text = ''): Pick<ScaleStep, 'widthPx' | 'heightPx'> {
  const [, width, height] = /^(-1|[0-9]{1,7})x(-1|[0-9]{1,7})$/.exec(text) ?? [];
  if (width === undefined || height === undefined) throw wrong('a box of WIDTHxHEIGHT');
  return {
    widthPx: within(width, -1, MAX_RECIPE_SIDE_PX, 'a width'),
    heightPx: within(height, -1, MAX_RECIPE_SIDE_PX, 'a height'),
  };
}

function parseScale([box, fitName, enlargeName, ...more]: readonly string[]): Step {
  const fit = FITS.find((known) => known === fitName);
  const enlarge = ENLARGES.find((known) => known === enlargeName);
  if (fit === undefined || enlarge === undefined || more.length > 0)
    throw wrong(`scale:WxH:FIT:ENLARGE with ${FITS.join(', ')} and ${ENLARGES.join(', ')}`);
  return { step: 'scale', ...parseBox(box), fit, enlarge };
}

function parseCanvas([box, modeName, ...words]: readonly string[]): Step {
  const mode = CANVASES.find((known) => known === modeName);
  const gravity = GRAVITIES.find((known) => words.includes(known)) ?? 'centre';
  const extend = EXTENDS.find((known) => words.includes(known)) ?? 'background';
  const background = words.map(colourWord).find((colour) => colour !== undefined) ?? NO_COLOUR;
  const known = (word: string): boolean => word === gravity || word === extend || colourWord(word) === background;
  if (mode === undefined || words.length > 3 || !words.every(known))
    throw wrong(`canvas:WxH:MODE with ${CANVASES.join(', ')}, and a gravity, an extend and bg=RRGGBB at most`);
  const step: CanvasStep = { step: 'canvas', ...parseBox(box), mode, gravity, extend, background };
  return extend === 'background' ? step : { ...step, background: NO_COLOUR };
}

function colourWord(word: string): Colour | undefined {
  return /^bg=([0-9a-f]{6})$/.exec(word)?.[1];
}

function within(digits: string, least: number, most: number, what: string): number {
  const value = Number(digits);
  if (value >= least && value <= most) return value;
  throw wrong(`${what} of ${least} to ${most}`);
}

function wrong(expected: string): ProofsheetError {
  return new ProofsheetError('invalid-request-format', `expected ${expected}, got another recipe`);
}
