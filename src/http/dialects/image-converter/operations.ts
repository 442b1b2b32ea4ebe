// Every operation of the ImageConverter API by name: adding one is a line here and a function beside this file.
import type { Route } from '../route.js';
import { clearImages, clearImagesByKey } from './clear.js';
import { cacheAndGetImage, getImage } from './image.js';
import { getKeyCount, getKeys } from './keys.js';
import { cacheAndGetImageAndMetadata, cacheImage, getImageAndMetadata, getMetadata } from './metadata.js';
import { clearRefusals, getRefusals } from './refusals.js';
import { status } from './status.js';

export const OPERATION_NAMES = [
  'cacheAndGetImage',
  'cacheAndGetImageAndMetadata',
  'cacheImage',
  'getImage',
  'getImageAndMetadata',
  'getMetadata',
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
}

/** The routes of the dialect. */
export function operationsOf({ strictFormats }: OperationSettings) {
  return {
    cacheAndGetImage: cacheAndGetImage(strictFormats),
    cacheAndGetImageAndMetadata: cacheAndGetImageAndMetadata(strictFormats),
    cacheImage,
    getImage: getImage(strictFormats),
    getImageAndMetadata: getImageAndMetadata(strictFormats),
    getMetadata,
    clearImages,
    clearImagesByKey,
    getKeyCount,
    getKeys,
    getRefusals,
    clearRefusals,
    status,
  } as const satisfies Record<OperationName, Route>;
}
