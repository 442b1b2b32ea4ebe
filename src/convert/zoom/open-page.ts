// A page of a source as zooming opens it, in a converter child: a large file stays on the disk where its decoder can read it there, since
// it would be most of what is held.
import { statSync } from 'node:fs';
import type { ChildSettings } from '../protocol.js';
import type { ReadBuffer } from '../read-buffer.js';
import { openSource, openStreamed, type SourceFile, type StreamedSource, sourcePage } from '../source-file.js';

const STREAMED_FROM_BYTES = 32 * 1024 * 1024;

export type OpenedPage =
  | { readonly kind: 'streamed'; readonly source: StreamedSource }
  | { readonly kind: 'read'; readonly source: SourceFile };

/** `page`: from 1. Throws what `openSource` throws. */
export async function openPage(
  path: string,
  page: number,
  settings: ChildSettings,
  buffer: ReadBuffer,
): Promise<OpenedPage> {
  const source = settings.streams && isLarge(path) ? await openStreamed(path, settings, page) : undefined;
  if (source !== undefined) return { kind: 'streamed', source };
  return { kind: 'read', source: await sourcePage(await openSource(path, settings, buffer), page, settings) };
}

/** Large enough to stay on the disk. */
export function isLarge(path: string): boolean {
  return statSync(path).size > STREAMED_FROM_BYTES;
}
