// Office documents (OOXML and OpenDocument) by the thumbnail that the program which saved them has put inside.
import type { OpenedSource } from '../opened-source.js';
import { refusedKind } from '../refused-kind.js';
import { xmlText } from '../xml-text.js';
import { ZipArchive } from '../zip-archive.js';
import { elementsOf, embeddedPicture, MAX_LIST_BYTES, MAX_PICTURE_BYTES } from './embedded-picture.js';

/** OpenDocument 1.3, part 2, section 3.8. */
const OPEN_DOCUMENT = 'Thumbnails/thumbnail.png';
/** Where OOXML (ISO/IEC 29500-2, annex) tells the parts of the package, and those that programs are known to write. */
const RELATIONSHIPS = '_rels/.rels';
const THUMBNAIL = /\/metadata\/thumbnail$/;
const USUAL = ['docProps/thumbnail.jpeg', 'docProps/thumbnail.jpg', 'docProps/thumbnail.png'];

export async function openOffice(file: Buffer): Promise<OpenedSource> {
  const archive = await ZipArchive.open(file);
  let found = false;
  for (const name of [OPEN_DOCUMENT, ...(await related(archive)), ...USUAL]) {
    const bytes = await archive.read(name, MAX_PICTURE_BYTES);
    found ||= bytes !== undefined;
    const picture = embeddedPicture(bytes);
    if (picture) return picture;
  }
  throw refusedKind(
    found ? 'an Office document whose thumbnail is of no known type' : 'an Office document with no thumbnail inside',
  );
}

async function related(archive: ZipArchive): Promise<string[]> {
  const list = await archive.read(RELATIONSHIPS, MAX_LIST_BYTES);
  if (list === undefined) return [];
  const targets = elementsOf(xmlText(list), 'Relationship').filter(({ Type = '' }) => THUMBNAIL.test(Type));
  return targets.slice(0, 10).map(({ Target = '' }) => Target.replace(/^\//, ''));
}
