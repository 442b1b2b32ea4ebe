// Which decoders can be reached at all: those of the enabled source types, from memory, and no other.
import sharp from 'sharp';
import type { SourceType } from '../kernel/source.js';
import type { ChildSettings } from './protocol.js';
import { SOURCE_HANDLING } from './sources/registry.js';

/**
 * What of a large source may be read by its path, a piece at a time: types whose decoders read rows in their order, and whose files can
 * name no other.
 */
export const STREAMED = {
  jpeg: 'VipsForeignLoadJpegFile',
  png: 'VipsForeignLoadPngFile',
  tiff: 'VipsForeignLoadTiffFile',
} as const satisfies Partial<Record<SourceType, string>>;

/** Where headers alone are read by paths: in a process that may not else, for as long as that takes. One at a time. */
export async function readingByPath<T>(
  { sourceTypes, streams = false }: Pick<ChildSettings, 'sourceTypes' | 'streams'>,
  read: () => Promise<T>,
): Promise<T> {
  if (streams) return read();
  allowOnly(sourceTypes, true);
  try {
    return await read();
  } finally {
    allowOnly(sourceTypes);
  }
}

/**
 * Sets this process's decoders: all others, and every way to load a file by its path but, with `streams`, those of `STREAMED`, are
 * shut. Lasts until the process ends.
 */
export function allowOnly(types: readonly SourceType[], streams = false): void {
  sharp.block({ operation: ['VipsForeignLoad'] });
  const byPath = Object.entries(STREAMED).flatMap(([type, loader]) =>
    streams && types.some((enabled) => enabled === type) ? [loader] : [],
  );
  sharp.unblock({ operation: [...types.flatMap((type) => SOURCE_HANDLING[type].loaders), ...byPath] });
}
