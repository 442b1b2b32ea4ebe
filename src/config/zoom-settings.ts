// The settings of deep zoom: what making a pyramid of tiles may take, apart from previews.
import { bytes, whole } from './kinds.js';
import { setting } from './setting.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

export const ZOOM = {
  pyramidTimeoutMs: setting(
    'PYRAMID_TIMEOUT_MS',
    whole('ms', { min: 100, max: 86_400_000 }),
    'Time that the tiles of one picture may take; then their process is killed, and they are answered 504.',
  ),
  pyramidMaxPixels: setting(
    'PYRAMID_MAX_PIXELS',
    whole('pixels', { min: 1, max: 4_294_967_295 }),
    'Most pixels of a picture that tiles are made of; of a larger one they are answered 413 (4131). An upload has to be within the limit of sources too.',
  ),
  pyramidMemoryBytes: setting(
    'PYRAMID_MEMORY_BYTES',
    bytes({ min: 64 * MIB, max: 1024 * GIB }),
    'Memory that making the tiles of a picture may need, by estimate before decoding; of one that needs more they are answered 413 (4131).',
  ),
  waitMs: setting(
    'ZOOM_WAIT_MS',
    whole('ms', { min: 0, max: 600_000 }),
    'Time a tile is waited for that is still being made; then the answer is 503 with Retry-After, and the work goes on.',
  ),
} as const;
