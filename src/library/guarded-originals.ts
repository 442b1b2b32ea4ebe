// Originals, of which none is given out whose content is blocked: an asset keeps its bytes until it is erased, and shows them to nobody while
// the tombstone stands.
import type { Digest } from '../kernel/digest.js';
import type { Originals } from '../kernel/ports/originals.js';
import { blockedContent } from '../kernel/takedown/tombstone.js';

/** `isBlocked`: as this process last heard, so that a read asks nobody. What is refused throws `blocked-content`. */
export function guardedOriginals(originals: Originals, isBlocked: (content: Digest) => boolean): Originals {
  const check = (digest: Digest): void => {
    if (isBlocked(digest)) throw blockedContent();
  };
  return {
    keep: (digest, path, bytes) => originals.keep(digest, path, bytes),
    async copyTo(digest, path) {
      check(digest);
      return originals.copyTo(digest, path);
    },
    async read(original, start, end) {
      check(original.digest);
      return originals.read(original, start, end);
    },
    isWhole: (original) => originals.isWhole(original),
    isThere: (original) => originals.isThere(original),
  };
}
