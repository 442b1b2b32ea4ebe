// The dialects that a server speaks: the one file that names them.

import type { Dialect } from './dialect.js';
import { type ImageConverterSettings, imageConverter } from './image-converter/image-converter.js';
import { libraryOperators } from './library/library.js';

export type DialectSettings = ImageConverterSettings;

export function dialectsOf(settings: DialectSettings): readonly [Dialect, ...Dialect[]] {
  return [imageConverter(settings)];
}

/** What operators watch the library by, beside whatever it is spoken to in. */
export const watching: () => Dialect = libraryOperators;
