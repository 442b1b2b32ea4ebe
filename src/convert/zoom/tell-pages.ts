// How large the pages of a source are, in a converter child: their headers alone are read.
import type { Conversion, PageFacts } from '../../kernel/ports/converter.js';
import type { SourceInfo } from '../../kernel/source.js';
import type { ConversionSteps, WorkTally } from '../convert-source.js';
import { readingByPath } from '../loaders.js';
import { type ChildSettings, type JobMessage, MAX_TOLD_PAGES } from '../protocol.js';
import type { ReadBuffer } from '../read-buffer.js';
import { openSource, openStreamed, sourcePage } from '../source-file.js';
import { isLarge } from './open-page.js';

/** What decoders hold of a header, tables of a large TIFF's tiles above all. */
const HEADERS_BYTES = 16 * 1024 * 1024;

/** The conversion has no preview. Throws what `openSource` throws. */
export async function tellPages(
  { sourcePath }: Pick<JobMessage, 'sourcePath'>,
  settings: ChildSettings,
  { admit }: Pick<ConversionSteps, 'admit'>,
  _tally: WorkTally,
  buffer: ReadBuffer,
): Promise<Conversion> {
  const onDisk = isLarge(sourcePath)
    ? await readingByPath(settings, () => pagesOnDisk(sourcePath, settings))
    : undefined;
  if (onDisk !== undefined) {
    await admit(onDisk.info.type, HEADERS_BYTES);
    return { ...onDisk, metadata: {}, previews: [] };
  }
  const source = await openSource(sourcePath, settings, buffer);
  const { info, pixels } = source;
  // A page of a TIFF is a copy of the file with one directory.
  await admit(info.type, 2 * source.file.length + (pixels?.decoderBytes({ widthPx: 1, heightPx: 1 }) ?? 0));
  const pages = [factsOf(info)];
  const count = countOf(info);
  for (let page = 2; page <= count; page++) {
    const size = pixels?.pageSize?.(page);
    pages.push(size ? { ...size, hasAlpha: info.hasAlpha } : factsOf((await sourcePage(source, page, settings)).info));
  }
  return { info, metadata: {}, previews: [], pages };
}

/** Of a file that is not read whole; `undefined` where one of its pages has to be. */
async function pagesOnDisk(
  path: string,
  settings: ChildSettings,
): Promise<Pick<Conversion, 'info' | 'pages'> | undefined> {
  const first = await openStreamed(path, settings);
  if (first === undefined) return undefined;
  const pages = [factsOf(first.info)];
  for (let page = 2; page <= countOf(first.info); page++) {
    const opened = await openStreamed(path, settings, page);
    if (opened === undefined) return undefined;
    pages.push(factsOf(opened.info));
  }
  return { info: first.info, pages };
}

function countOf({ animated, pages }: SourceInfo): number {
  return animated ? 1 : Math.min(pages, MAX_TOLD_PAGES);
}

function factsOf({ widthPx, heightPx, hasAlpha }: SourceInfo): PageFacts {
  return { widthPx, heightPx, hasAlpha };
}
