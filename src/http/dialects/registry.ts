// The dialects that a server speaks: the one file that names them.

import { type ImageConverterSettings, imageConverter } from '../ops/image-converter.js';
import type { Dialect } from './dialect.js';

export type DialectSettings = ImageConverterSettings;

export function dialectsOf(settings: DialectSettings): readonly [Dialect, ...Dialect[]] {
  return [imageConverter(settings)];
}
