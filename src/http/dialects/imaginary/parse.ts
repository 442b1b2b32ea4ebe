// From a request's target to the recipe that it asks for. Pure.
import { NO_COLOUR, type Recipe, type RecipeType, scale } from '../../../kernel/recipe/recipe.js';
import { remembered } from '../../../kernel/remembered.js';
import { queryValue } from '../../url-query.js';
import type { Target } from '../route.js';
import {
  OPERATION_NAMES,
  type Operation,
  type OperationName,
  operationOf,
  REFUSED_OPERATIONS,
  recipeOf,
  unsupported,
} from './operations.js';
import { type Given, whole, wrong } from './parameters.js';

const MAX_OPERATIONS = 10;
const MAX_JSON_CHARACTERS = 8 * 1024;
const MAX_REMEMBERED = 100;
const FIELDS: readonly string[] = ['operation', 'ignore_failure', 'params'];

export interface AskedPicture {
  readonly recipe: Recipe;
  /** The type follows from what the client takes. */
  readonly isNegotiated: boolean;
}

/** `/{operation}?width=...` */
export function askedOfQuery(name: OperationName, { url, accept = '' }: Target): AskedPicture {
  const recipe = recipeOf([operationOf(name, (parameter) => queryValue(url, parameter), false)]);
  if (recipe.type !== 'auto') return { recipe, isNegotiated: false };
  return { recipe: { ...recipe, type: acceptedType(accept) }, isNegotiated: true };
}

/** A picture that stands for another: of its type, and exactly of the sides that were asked for, those of a query alone. */
export function placeholderOf({ type }: Recipe, url: string): Recipe {
  const side = (name: string): number => whole((parameter) => queryValue(url, parameter), name);
  const [width, height] = [side('width'), side('height')];
  const steps = width === 0 && height === 0 ? [] : [scale(width, height, 'fill', 'always')];
  return { type, background: NO_COLOUR, page: 1, steps };
}

/** `/pipeline?operations=[...]`; an app asks for few of them, of many pictures. */
export function pipelineParser(): (target: Target) => AskedPicture {
  const latest = remembered<AskedPicture>(MAX_REMEMBERED);
  return ({ url }) => {
    const text = queryValue(url, 'operations') ?? '';
    if (text.length > MAX_JSON_CHARACTERS)
      throw wrong(`expected operations of at most ${MAX_JSON_CHARACTERS} characters`);
    return latest(text, () => {
      const [first, ...others] = listOf(text).flatMap(stepOf);
      if (first === undefined) throw wrong('expected an operation that can be done, got none');
      return { recipe: recipeOf([first, ...others]), isNegotiated: false };
    });
  };
}

function listOf(text: string): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong('expected operations as a JSON array, got something else');
  }
  if (!Array.isArray(value) || value.length === 0) throw wrong('expected operations as a JSON array, got none');
  if (value.length > MAX_OPERATIONS) throw wrong(`expected at most ${MAX_OPERATIONS} operations, got ${value.length}`);
  return value;
}

/** None where it may fail and does: what it lacks is known before anything is drawn. */
function stepOf(value: unknown): Operation[] {
  if (!isObject(value)) throw wrong('expected each operation to be an object');
  // As Go reads JSON: the case of a field's name does not count, and null is as if it were not there.
  const fields = Object.entries(value).map(([name, field]) => [name.toLowerCase(), field ?? undefined] as const);
  if (fields.some(([name]) => !FIELDS.includes(name)))
    throw wrong(`expected operations with ${FIELDS.join(', ')} alone`);
  const { operation, ignore_failure: mayFail = false, params = {} } = Object.fromEntries(fields);
  if (typeof mayFail !== 'boolean' || !isObject(params))
    throw wrong('expected ignore_failure to be true or false, and params an object');
  if (REFUSED_OPERATIONS.some((refused) => refused === operation))
    throw unsupported('this operation is not offered here');
  const name = OPERATION_NAMES.find((known) => known === operation);
  if (name === undefined) throw wrong(`expected an operation of ${OPERATION_NAMES.join(', ')}`);
  const given: Given = (parameter) => (Object.hasOwn(params, parameter) ? params[parameter] : undefined);
  try {
    return [operationOf(name, given, true)];
  } catch (error) {
    if (mayFail) return [];
    throw error;
  }
}

const ACCEPTED: Readonly<Record<string, RecipeType>> = {
  'image/webp': 'webp',
  'image/png': 'png',
  'image/jpeg': 'jpg',
};

/** The first that is named, whatever weight it has. */
function acceptedType(accept: string): RecipeType {
  for (const range of accept.split(',')) {
    const type = range.split(';', 1)[0]?.trim().toLowerCase() ?? '';
    const known = Object.hasOwn(ACCEPTED, type) ? ACCEPTED[type] : undefined;
    if (known !== undefined) return known;
  }
  return 'source';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
