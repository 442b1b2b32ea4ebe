// The names that Mediagraph's clients know assets and sessions by: a number, and a GUID that is the same name written another way, so
// that no table has to keep it. Of an asset it is as unguessable as its id.
import { createHash } from 'node:crypto';
import { type AssetId, parseAssetId } from '../../../kernel/library/ids.js';

const ID_CHARACTERS = 13;
const CHECK_BITS = 54n;
const RADIX = 36n;

/** A UUID in the form of version 4: the id, and bits of its hash, by which others are told. */
export function guidOf(id: AssetId): string {
  let value = 0n;
  for (const character of id) value = value * RADIX + BigInt(Number.parseInt(character, 36));
  const hex = ((value << CHECK_BITS) | checkOf(id)).toString(16).padStart(31, '0').slice(-31);
  // 122 bits are 30.5 digits: two of the first digit's, and those of the variant, are fixed.
  const bits = BigInt(`0x${hex}`).toString(2).padStart(122, '0');
  const all = `${bits.slice(0, 48)}0100${bits.slice(48, 60)}10${bits.slice(60)}`;
  const text = BigInt(`0b${all}`).toString(16).padStart(32, '0');
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-');
}

/** The id that a GUID is of; `undefined` for another text. */
export function parseGuid(text: string): AssetId | undefined {
  const lower = text.toLowerCase();
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(lower)) return undefined;
  const all = BigInt(`0x${lower.replaceAll('-', '')}`)
    .toString(2)
    .padStart(128, '0');
  let value = BigInt(`0b${all.slice(0, 48)}${all.slice(52, 64)}${all.slice(66)}`) >> CHECK_BITS;
  let id = '';
  for (let at = 0; at < ID_CHARACTERS; at++) {
    id = (value % RADIX).toString(36) + id;
    value /= RADIX;
  }
  const assetId = parseAssetId(id);
  return assetId !== undefined && guidOf(assetId) === lower ? assetId : undefined;
}

function checkOf(id: AssetId): bigint {
  const hash = createHash('sha256').update(`guid of asset ${id}`).digest();
  return hash.readBigUInt64BE() >> (64n - CHECK_BITS);
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
