// Every operation of the ImageConverter API by name: adding one is a line here and a function beside this file.
import { clearImages, clearImagesByKey } from './clear.js';
import { cacheAndGetImage, getImage } from './image.js';
import { getKeyCount, getKeys } from './keys.js';
import { cacheAndGetImageAndMetadata, cacheImage, getImageAndMetadata, getMetadata } from './metadata.js';
import type { Operation } from './operation.js';
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

const READING = {
  verbs: ['GET', 'HEAD'],
  isProtected: false,
  opener: 'token-or-signature',
  takesUpload: false,
  overwrites: false,
  answersWhileDraining: false,
} as const;
const UPLOADING = {
  verbs: ['POST', 'PUT'],
  isProtected: false,
  opener: 'token',
  takesUpload: true,
  overwrites: false,
  answersWhileDraining: false,
} as const;
const CLEARING = {
  verbs: ['DELETE', 'POST'],
  isProtected: true,
  opener: 'nothing',
  takesUpload: false,
  overwrites: false,
  answersWhileDraining: false,
} as const;

export const OPERATIONS = {
  cacheAndGetImage: {
    ...UPLOADING,
    segments: ['imageKey', 'requestFormat'],
    run: cacheAndGetImage,
  },
  cacheAndGetImageAndMetadata: {
    ...UPLOADING,
    segments: ['imageKey', 'requestFormat'],
    run: cacheAndGetImageAndMetadata,
  },
  cacheImage: { ...UPLOADING, overwrites: true, segments: ['imageKey'], run: cacheImage },
  getImage: {
    ...READING,
    segments: ['imageKey', 'requestFormat'],
    run: getImage,
  },
  getImageAndMetadata: {
    ...READING,
    segments: ['imageKey', 'requestFormat'],
    run: getImageAndMetadata,
  },
  getMetadata: { ...READING, segments: ['imageKey'], run: getMetadata },
  clearImages: { ...CLEARING, segments: [], run: clearImages },
  clearImagesByKey: {
    ...CLEARING,
    segments: ['imageKey'],
    run: clearImagesByKey,
  },
  getKeyCount: { ...READING, opener: 'token', segments: [], run: getKeyCount },
  getKeys: { ...READING, opener: 'nothing', segments: [], isProtected: true, run: getKeys },
  getRefusals: { ...READING, opener: 'nothing', segments: [], isProtected: true, run: getRefusals },
  clearRefusals: { ...CLEARING, segments: ['digest'], run: clearRefusals },
  status: {
    ...READING,
    opener: 'nothing',
    segments: [],
    answersWhileDraining: true,
    run: status,
  },
} as const satisfies Record<OperationName, Operation>;
