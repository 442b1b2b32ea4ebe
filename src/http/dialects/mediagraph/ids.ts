// The names that Mediagraph's clients know assets and sessions by: a number, and a GUID that says the same another way, so that no table
// has to keep it. A GUID does not tell the asset's id, which opens the original at other faces for ever: a signed URL of a preview, which
// is shown to everybody and ends after hours, contains it.
import { createHash } from 'node:crypto';
import type { Asset } from '../../../kernel/library/asset.js';

/** What a GUID is of. */
type Named = Pick<Asset, 'id' | 'number'>;

/** Of the id's hash: none of the 67 bits of an id is found by it but by trying all. */
const MARK_BITS = 76n;
const NUMBER_BITS = 46n;

/** A UUID in the form of version 4: bits of a hash of the id, and the number, which nobody can read off without looking at those. */
export function guidOf({ id, number }: Named): string {
  const mark = bitsOf(`guid of asset ${id}`, MARK_BITS);
  const value = (mark << NUMBER_BITS) | (BigInt(number) ^ veilOf(mark));
  const bits = value.toString(2).padStart(122, '0');
  const all = `${bits.slice(0, 48)}0100${bits.slice(48, 60)}10${bits.slice(60)}`;
  const text = BigInt(`0b${all}`).toString(16).padStart(32, '0');
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-');
}

/** The number of the asset that may have this GUID: it has it if `isGuidOf` says so. `undefined` for another text. */
export function parseGuid(text: string): number | undefined {
  const lower = text.toLowerCase();
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(lower)) return undefined;
  const all = BigInt(`0x${lower.replaceAll('-', '')}`)
    .toString(2)
    .padStart(128, '0');
  const value = BigInt(`0b${all.slice(0, 48)}${all.slice(52, 64)}${all.slice(66)}`);
  const number = Number(BigInt.asUintN(Number(NUMBER_BITS), value) ^ veilOf(value >> NUMBER_BITS));
  return number >= 1 ? number : undefined;
}

/** Whether `text` is the asset's GUID, in whatever case. */
export function isGuidOf(text: string, asset: Named): boolean {
  return guidOf(asset) === text.toLowerCase();
}

function veilOf(mark: bigint): bigint {
  return bitsOf(`number behind ${mark}`, NUMBER_BITS);
}

/** The first `bits` (128 at most) of the hash of `text`. */
function bitsOf(text: string, bits: bigint): bigint {
  return BigInt(`0x${createHash('sha256').update(text).digest('hex').slice(0, 32)}`) >> (128n - bits);
}

/** Odd, so that multiplying by it modulo 2^32 has a way back. */
const SPREAD = 0x9e37_79b1n;
const WORD = 1n << 32n;
const BACK = inverseOf(SPREAD);

/** A session's number as 8 hex characters. */
export function sessionGuidOf(number: number): string {
  return ((BigInt(number) * SPREAD) % WORD).toString(16).padStart(8, '0');
}

/** The number of the session that `text` names: 8 hex characters, or, where `takesNumber`, the number itself. */
export function parseSessionName(text: string): number | undefined {
  if (/^[0-9a-fA-F]{8}$/.test(text)) return Number((BigInt(`0x${text}`) * BACK) % WORD);
  return parseNumber(text);
}

/** A number of an asset, a session or an organisation; `undefined` for another text. */
export function parseNumber(text: string): number | undefined {
  return /^[1-9][0-9]{0,14}$/.test(text) ? Number(text) : undefined;
}

/** Modulo 2^32, by Newton's iteration, which doubles the right bits each time. */
function inverseOf(odd: bigint): bigint {
  let inverse = odd;
  for (let bits = 3; bits < 32; bits *= 2) inverse = (inverse * (2n + WORD - ((odd * inverse) % WORD))) % WORD;
  return inverse;
}
