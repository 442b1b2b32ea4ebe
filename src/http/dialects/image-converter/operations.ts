// Every operation of the ImageConverter API by name: adding one is a line here and a function beside this file.
import type { ExactPolicy } from '../../../kernel/exact.js';
import type { Route } from '../route.js';
import { getImages } from './batch.js';
import { clearImages, clearImagesByKey } from './clear.js';
import { cacheAndGetImage, getImage } from './image.js';
import { getKeyCount, getKeys } from './keys.js';
import { cacheAndGetImageAndMetadata, cacheImage, getImageAndMetadata, getMetadata } from './metadata.js';
import { clearRefusals, getRefusals } from './refusals.js';
import { sheet } from './sheet.js';
import { status } from './status.js';

export const OPERATION_NAMES = [
  'cacheAndGetImage',
  'cacheAndGetImageAndMetadata',
  'cacheImage',
  'getImage',
  'getImageAndMetadata',
  'getMetadata',
  'getImages',
  'sheet',
  'clearImages',
  'clearImagesByKey',
  'getKeyCount',
  'getKeys',
  'getRefusals',
  'clearRefusals',
  'status',
] as const;

export type OperationName = (typeof OPERATION_NAMES)[number];

export interface OperationSettings {
  /** Refuse request formats that are none, instead of reading them as the original does. */
  readonly strictFormats: boolean;
  /** What may be asked for exactly; nothing without it. */
  readonly exact?: ExactPolicy;
}

const NOTHING_EXACT: ExactPolicy = { rule: 'off', formats: [] };

/** The routes of the dialect. */
export function operationsOf({ strictFormats, exact = NOTHING_EXACT }: OperationSettings) {
  return {
    cacheAndGetImage: cacheAndGetImage(strictFormats, exact),
    cacheAndGetImageAndMetadata: cacheAndGetImageAndMetadata(strictFormats),
    cacheImage,
    getImage: getImage(strictFormats, exact),
    getImageAndMetadata: getImageAndMetadata(strictFormats),
    getMetadata,
    getImages: getImages(strictFormats),
    sheet,
    clearImages,
    clearImagesByKey,
    getKeyCount,
    getKeys,
    getRefusals,
    clearRefusals,
    status,
  } as const satisfies Record<OperationName, Route>;
}
