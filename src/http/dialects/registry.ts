// The dialects that a server speaks: the one file that names them.

import type { Dialect } from './dialect.js';
import { type ImageConverterSettings, imageConverter } from './image-converter/image-converter.js';

export type DialectSettings = ImageConverterSettings;

export function dialectsOf(settings: DialectSettings): readonly [Dialect, ...Dialect[]] {
  return [imageConverter(settings)];
}
