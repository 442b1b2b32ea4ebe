// The parameters of imaginary's operations, coerced as its clients expect: from a query, where all is text, or from the JSON of a
// pipeline. Names that nobody knows are passed over. Pure.
import { ProofsheetError } from '../../../kernel/errors.js';
import { MAX_RECIPE_SIDE_PX } from '../../../kernel/recipe/recipe.js';

/** The value of a parameter as it came; `undefined` when it did not. */
export type Given = (name: string) => unknown;

const TRUE = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const FALSE = ['', '0', 'f', 'F', 'false', 'FALSE', 'False'];

export function wrong(message: string): ProofsheetError {
  return new ProofsheetError('invalid-request-format', message);
}

/** Text is a decimal number whose sign does not count, rounded half up; a JSON number is cut to a whole one. 0 when absent. */
export function whole(given: Given, name: string): number {
  const value = given(name);
  if (value === undefined || value === null || value === '') return 0;
  const number = typeof value === 'number' ? Math.trunc(value) : Math.floor(Math.abs(decimal(value, name)) + 0.5);
  return Math.min(MAX_RECIPE_SIDE_PX, Math.max(0, number));
}

/** 0 when absent. */
export function fraction(given: Given, name: string): number {
  const value = given(name);
  if (value === undefined || value === null || value === '') return 0;
  return Math.abs(typeof value === 'number' ? value : decimal(value, name));
}

function decimal(value: unknown, name: string): number {
  const number =
    typeof value === 'string' && /^[+-]?[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?$/.test(value) ? Number(value) : NaN;
  if (Number.isFinite(number)) return number;
  throw wrong(`expected ${name} to be a number, got something else`);
}

/** `undefined` when absent. */
export function truth(given: Given, name: string): boolean | undefined {
  const value = given(name);
  if (value === undefined || typeof value === 'boolean') return value;
  if (typeof value === 'string' && TRUE.includes(value)) return true;
  if (typeof value === 'string' && FALSE.includes(value)) return false;
  throw wrong(`expected ${name} to be true or false, got something else`);
}

/** `''` when absent. */
export function word(given: Given, name: string): string {
  const value = given(name);
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  throw wrong(`expected ${name} to be a text, got something else`);
}

/** A text of which case and outer blanks do not count. */
export function keyword(given: Given, name: string): string {
  return word(given, name).trim().toLowerCase();
}

/** A list of three decimal numbers as 6 hex digits, each at most 255, what is none of them 0; `undefined` for black, which counts as unset. */
export function colour(given: Given, name: string): string | undefined {
  const parts = word(given, name).split(',');
  const numbers = [0, 1, 2].map((at) => {
    const text = parts[at]?.trim() ?? '';
    return /^[0-9]+$/.test(text) ? Math.min(255, Number(text)) : 0;
  });
  const hex = numbers.map((number) => number.toString(16).padStart(2, '0')).join('');
  return hex === '000000' ? undefined : hex;
}
