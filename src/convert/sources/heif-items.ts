// The items of a HEIF or AVIF file (ISO/IEC 23008-12): which is the picture, how that is coded, and what its properties are.
import { type Box, boxesOf } from './isobmff.js';

/** Codings that no decoder here knows, by the type of an item. */
const UNDECODED: Readonly<Record<string, string>> = {
  avc1: 'H.264',
  evc1: 'EVC',
  j2k1: 'JPEG 2000',
  jpeg: 'JPEG',
  lhv1: 'layered HEVC',
  mski: 'a mask',
  unci: 'uncompressed samples',
  vvc1: 'H.266',
};

export interface HeifItems {
  /** `undefined` in a file of sequences alone. */
  readonly primary: number | undefined;
  /** Four characters; `undefined` where the file does not list the picture. */
  readonly coding: string | undefined;
  /** The bodies of properties of that type: of the picture, or of all pictures where the file does not tell whose they are. */
  properties(type: string): Buffer[];
  /** Those that the file gives to the picture itself, in their order. */
  associated(): Associated[];
  /** How the decoder of that box is set up for the picture, or for the first of the tiles that make it. */
  configuration(type: 'hvcC' | 'av1C'): Buffer | undefined;
  /** Whether the file lists that item. */
  has(item: number): boolean;
  /** What items say that they are of others, as alpha (`auxl`) is of a picture. */
  references(): Reference[];
}

export interface Reference {
  readonly type: string;
  /** The item that says it. */
  readonly fromItem: number;
  /** The others: their numbers, and where in the file these are written, in how many bytes. */
  readonly ofItems: readonly { readonly item: number; readonly at: number; readonly bytes: number }[];
}

export interface Associated extends Box {
  /** Where the file names it for the picture, and in how many bytes. */
  readonly namedAt: number;
  readonly namedBytes: number;
}

/** `undefined` without a box of metadata. */
export function heifItems(file: Buffer): HeifItems | undefined {
  const meta = boxesOf(file).find(({ type }) => type === 'meta');
  if (meta === undefined) return undefined;
  // Behind version and flags.
  const boxes = boxesOf(meta.body.subarray(4));
  const inside = (name: string): Buffer => boxes.find(({ type }) => type === name)?.body ?? Buffer.alloc(0);
  const groups = boxesOf(inside('iprp'));
  const container = boxesOf(groups.find(({ type }) => type === 'ipco')?.body ?? Buffer.alloc(0));
  const primary = primaryItem(inside('pitm'));
  return {
    primary,
    coding: primary === undefined ? undefined : codingOf(inside('iinf'), primary),
    properties(wanted) {
      const own = primary === undefined ? undefined : propertiesOf(groups, primary);
      return container
        .filter(
          ({ type }, index) => type === wanted && (own === undefined || own.some((one) => one.index === index + 1)),
        )
        .map(({ body }) => body);
    },
    configuration(wanted) {
      if (primary === undefined) return undefined;
      const made = referencesIn(inside('iref'), file.byteOffset).find(
        ({ type, fromItem }) => type === 'dimg' && fromItem === primary,
      );
      const own = [primary, made?.ofItems[0]?.item].flatMap((item) =>
        item === undefined ? [] : (propertiesOf(groups, item) ?? []),
      );
      return own.map(({ index }) => container[index - 1]).find((box) => box?.type === wanted)?.body;
    },
    has: (item) => codingOf(inside('iinf'), item) !== undefined,
    references: () => referencesIn(inside('iref'), file.byteOffset),
    associated() {
      const own = (primary !== undefined && propertiesOf(groups, primary)) || [];
      return own.flatMap(({ index, at, bytes }) => {
        const property = container[index - 1];
        return property ? [{ ...property, namedAt: at - file.byteOffset, namedBytes: bytes }] : [];
      });
    },
  };
}

/** Why `file`, a HEIF or AVIF, has no picture that can be decoded here, in a few words; `undefined` when it may have one. */
export function undecodedHeif(file: Buffer, name: string): string | undefined {
  const items = heifItems(file);
  const isSequence = boxesOf(file).some(({ type }) => type === 'moov');
  if (items?.primary === undefined) return isSequence ? `a sequence of ${name} without a still` : undefined;
  const coding = UNDECODED[items.coding ?? ''];
  return coding && `HEIF with ${coding} inside`;
}

function primaryItem(pitm: Buffer): number | undefined {
  if (pitm.length < 6) return undefined;
  if (pitm[0] === 0) return pitm.readUInt16BE(4);
  return pitm.length >= 8 ? pitm.readUInt32BE(4) : undefined;
}

/** By the entries of `iinf` (ISO/IEC 14496-12, 8.11.6), of the versions that HEIF has. */
function codingOf(iinf: Buffer, item: number): string | undefined {
  for (const { type, body } of boxesOf(iinf.subarray(iinf[0] === 0 ? 6 : 8))) {
    const idBytes = body[0] === 2 ? 2 : 4;
    if (type !== 'infe' || (body[0] ?? 0) < 2 || body.length < 10 + idBytes) continue;
    if (body.readUIntBE(4, idBytes) === item) return body.toString('latin1', 6 + idBytes, 10 + idBytes);
  }
  return undefined;
}

/** The boxes of `iref` (ISO/IEC 14496-12, 8.11.12), in a file that lies at `fileAt` of its memory. */
function referencesIn(iref: Buffer, fileAt: number): Reference[] {
  if (iref.length < 4) return [];
  const idBytes = iref[0] === 0 ? 2 : 4;
  return boxesOf(iref.subarray(4)).map(({ type, body }) => {
    const firstAt = idBytes + 2;
    const count = body.length < firstAt ? 0 : body.readUInt16BE(idBytes);
    const whole = Math.min(count, Math.floor((body.length - firstAt) / idBytes));
    const ofItems = Array.from({ length: Math.max(0, whole) }, (_, index) => {
      const at = firstAt + index * idBytes;
      return { item: body.readUIntBE(at, idBytes), at: body.byteOffset + at - fileAt, bytes: idBytes };
    });
    return { type, fromItem: body.length < idBytes ? 0 : body.readUIntBE(0, idBytes), ofItems };
  });
}

interface Named {
  readonly index: number;
  /** In the memory that the file lies in. */
  readonly at: number;
  readonly bytes: number;
}

/** Indices, from 1, of the properties that `ipma` boxes give to `item`; `undefined` when none names it. */
function propertiesOf(groups: readonly Box[], item: number): Named[] | undefined {
  for (const { type, body } of groups) {
    if (type !== 'ipma' || body.length < 8) continue;
    const idBytes = (body[0] ?? 0) < 1 ? 2 : 4;
    const indexBytes = (body[3] ?? 0) & 1 ? 2 : 1;
    let at = 8;
    for (let entry = 0; entry < body.readUInt32BE(4) && at + idBytes < body.length; entry++) {
      const id = body.readUIntBE(at, idBytes);
      const count = body[at + idBytes] ?? 0;
      at += idBytes + 1;
      const end = Math.min(body.length, at + count * indexBytes);
      if (id === item) {
        const mask = indexBytes === 2 ? 0x7fff : 0x7f;
        const named: Named[] = [];
        for (; at + indexBytes <= end; at += indexBytes) {
          const index = body.readUIntBE(at, indexBytes) & mask;
          named.push({ index, at: body.byteOffset + at, bytes: indexBytes });
        }
        return named;
      }
      at = end;
    }
  }
  return undefined;
}
