// The header lines of a form's parts as the multipart parser itself reads them: whoever looks for them beside the parser finds
// other parts than it does as soon as a boundary, a position or a line end is unusual. The only file that knows the parser's
// inside, since it tells nobody a part's headers.
import type { Writable } from 'node:stream';

/** Names in lower case, each with the values of its lines in order. */
export type PartHeaders = Readonly<Record<string, string[]>>;

/** Busboy's parser of one header block; it is handed the block's end by `cb`, before the part's own event. */
interface HeaderParser {
  cb: (headers: PartHeaders) => void;
}

/**
 * Calls `onHeaders` with each part's headers right before the parser tells of that part; the parser reads those that it
 * returns. Throws when the parser is not one
 * that can be listened to so: then no upload passes, rather than one whose headers nobody has seen.
 */
export function watchPartHeaders(parser: Writable, onHeaders: (headers: PartHeaders) => PartHeaders): void {
  // Busboy sets this while it reads a header block, and to null between two.
  if (!('_hparser' in parser)) throw new Error('expected a multipart parser that reads part headers by _hparser');
  let current: HeaderParser | null = null;
  const watched = new WeakSet<HeaderParser>();
  Object.defineProperty(parser, '_hparser', {
    get: () => current,
    set(next: HeaderParser | null) {
      current = next;
      if (next === null || watched.has(next)) return;
      watched.add(next);
      const { cb } = next;
      next.cb = (headers) => cb(onHeaders(headers));
    },
  });
}
