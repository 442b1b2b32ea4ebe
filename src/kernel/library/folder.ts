// Folders: where a client puts what it imports, so that it can be asked about as a whole. Words only; no store, no dialect.
import { randomInt } from 'node:crypto';
import type { Context } from '../image-key.js';
import type { ImportId } from './ids.js';

/** 6 letters and digits; unique within its context. */
export type FolderId = string & { readonly __brand: 'FolderId' };

export const FOLDER_TYPES = ['folder', 'album', 'space'] as const;
export type FolderType = (typeof FOLDER_TYPES)[number];

export interface Folder {
  readonly id: FolderId;
  readonly context: Context;
  readonly parentId: FolderId;
  /** 1 to 256 characters. */
  readonly name: string;
  readonly type: FolderType;
  /** Unix ms. */
  readonly createdAt: number;
}

/** Images of a folder that came by one import: all items of it. */
export interface FolderBatch {
  readonly importId: ImportId;
  /** How many. */
  readonly images: number;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const ID_CHARACTERS = 6;

export function newFolderId(): FolderId {
  const letters = Array.from({ length: ID_CHARACTERS }, () => ALPHABET[randomInt(ALPHABET.length)]);
  return letters.join('') as FolderId;
}

/** `text` as a folder's id; `undefined` when none can be called so. */
export function parseFolderId(text: string): FolderId | undefined {
  return /^[A-Za-z0-9]{6}$/.test(text) ? (text as FolderId) : undefined;
}
