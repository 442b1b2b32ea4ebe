// The dialects that a server speaks: the one file that names them.

import type { Dialect } from './dialect.js';
import { type ImageConverterSettings, imageConverter } from './image-converter/image-converter.js';
import { libraryOperators } from './library/library.js';

export type DialectSettings = ImageConverterSettings;

export function dialectsOf(settings: DialectSettings): readonly [Dialect, ...Dialect[]] {
  return [imageConverter(settings)];
}

/** The same with what operators watch the library by, where there is one. */
export function withOperators(settings: DialectSettings, hasLibrary: boolean): readonly [Dialect, ...Dialect[]] {
  const [first, ...others] = dialectsOf(settings);
  return [first, ...others, ...(hasLibrary ? [libraryOperators()] : [])];
}
