// EPUB books by their cover (EPUB 3.3, section 5.5.3; of EPUB 2 the habit of naming it in the metadata).
import { posix } from 'node:path';
import type { OpenedSource } from '../opened-source.js';
import { refusedKind } from '../refused-kind.js';
import { xmlText } from '../xml-text.js';
import { ZipArchive } from '../zip-archive.js';
import { elementsOf, embeddedPicture, MAX_LIST_BYTES, MAX_PICTURE_BYTES } from './embedded-picture.js';

const CONTAINER = 'META-INF/container.xml';

export async function openEpub(file: Buffer): Promise<OpenedSource> {
  const archive = await ZipArchive.open(file);
  for (const name of await covers(archive)) {
    const picture = embeddedPicture(await archive.read(name, MAX_PICTURE_BYTES));
    if (picture) return picture;
  }
  throw refusedKind('an EPUB with no cover inside');
}

/** The cover as each way tells it, the surest first. */
async function covers(archive: ZipArchive): Promise<string[]> {
  const container = await archive.read(CONTAINER, MAX_LIST_BYTES);
  const root = container && elementsOf(xmlText(container), 'rootfile')[0]?.['full-path'];
  const book = root === undefined ? undefined : await archive.read(root, MAX_LIST_BYTES);
  if (root === undefined || book === undefined) return [];
  const xml = xmlText(book);
  const items = elementsOf(xml, 'item');
  const named = elementsOf(xml, 'meta').find(({ name }) => name === 'cover')?.content;
  const chosen = [
    items.find(({ properties = '' }) => properties.split(/\s+/).includes('cover-image')),
    items.find(({ id, href }) => named !== undefined && (id === named || href === named)),
    items.find(({ id = '', 'media-type': type = '' }) => /cover/i.test(id) && type.startsWith('image/')),
  ];
  return chosen.flatMap((item) => (item?.href ? [posix.join(posix.dirname(root), decoded(item.href))] : []));
}

function decoded(href: string): string {
  try {
    return decodeURIComponent(href);
  } catch {
    return href;
  }
}
