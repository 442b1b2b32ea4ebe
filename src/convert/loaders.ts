// Which decoders can be reached at all: those of the enabled source types, from memory, and no other.
import sharp from 'sharp';
import type { SourceType } from '../kernel/source.js';
import { SOURCE_HANDLING } from './sources/registry.js';

/** Sets this process's decoders: all others, and every way to load a file by its path, are shut. Lasts until the process ends. */
export function allowOnly(types: readonly SourceType[]): void {
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: types.flatMap((type) => SOURCE_HANDLING[type].loaders) });
}
