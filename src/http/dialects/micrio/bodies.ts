// What Micrio's clients send, checked to values. Pure.
import { ProofsheetError } from '../../../kernel/errors.js';
import { FOLDER_TYPES, type FolderType } from '../../../kernel/library/folder.js';
import type { WantedItem } from '../../../kernel/library/import-job.js';
import { type PortRule, parseSourceUrl, type UrlFault } from '../../../kernel/source-url.js';

/** Who asks: an organisation and its key. */
export interface Credentials {
  readonly organisationId: string;
  readonly apiKey: string;
}

export interface AskedAdd extends Credentials {
  readonly folderId: string;
  /** Without references: those follow from the import. */
  readonly items: readonly WantedItem[];
}

export interface AskedStatus extends Credentials {
  readonly imageIds: readonly string[];
}

export interface AskedFolder extends Credentials {
  readonly folderId: string;
}

export interface AskedNewFolder extends Credentials {
  readonly parentId: string;
  readonly name: string;
  readonly type: FolderType;
}

const MAX_STATUS_IDS = 100;
/** The most that a server can be set to take; the library says how many this one takes. */
const MAX_IMAGES = 100_000;
const MAX_NAME_CHARACTERS = 256;
const MAX_TEXT_CHARACTERS = 512;

type Given = Readonly<Record<string, unknown>>;

export function parseAdd(body: unknown, allowsPort: PortRule): AskedAdd {
  const given = objectOf(body, 'body');
  const { images, userEmail } = given;
  if (!Array.isArray(images) || images.length === 0) throw invalid('images', 'an array of at least one image');
  if (images.length > MAX_IMAGES) throw invalid('images', `at most ${MAX_IMAGES} images`);
  const email = optionalText(userEmail, 'userEmail', MAX_TEXT_CHARACTERS);
  const metadata = email === undefined ? {} : { metadata: { userEmail: email } };
  const items = images.map((image: unknown, index): WantedItem => {
    const { name, sourceUrl } = objectOf(image, `images[${index}]`);
    const url = urlOf(sourceUrl, `images[${index}].sourceUrl`, allowsPort);
    const title = optionalText(name, `images[${index}].name`, MAX_NAME_CHARACTERS) ?? fileNameOf(url);
    return { url: url.href, title, ...metadata };
  });
  return { ...credentialsOf(given), folderId: textOf(given.folderId, 'folderId', MAX_TEXT_CHARACTERS), items };
}

export function parseStatus(body: unknown): AskedStatus {
  const given = objectOf(body, 'body');
  const { imageIds } = given;
  if (!Array.isArray(imageIds)) throw invalid('imageIds', 'an array of ids');
  if (imageIds.length > MAX_STATUS_IDS) throw invalid('imageIds', `at most ${MAX_STATUS_IDS} ids`);
  const ids = imageIds.map((id: unknown, index) => textOf(id, `imageIds[${index}]`, MAX_TEXT_CHARACTERS));
  return { ...credentialsOf(given), imageIds: ids };
}

export function parseFolderStatus(body: unknown): AskedFolder {
  const given = objectOf(body, 'body');
  return { ...credentialsOf(given), folderId: textOf(given.folderId, 'folderId', MAX_TEXT_CHARACTERS) };
}

export function parseFolderCreate(body: unknown): AskedNewFolder {
  const given = objectOf(body, 'body');
  const type = given.type ?? 'folder';
  const known = FOLDER_TYPES.find((one) => one === type);
  if (known === undefined) throw invalid('type', `one of ${FOLDER_TYPES.join(', ')}`);
  return {
    ...credentialsOf(given),
    parentId: textOf(given.parentId, 'parentId', MAX_TEXT_CHARACTERS),
    name: optionalText(given.name, 'name', MAX_NAME_CHARACTERS) ?? known,
    type: known,
  };
}

function credentialsOf(given: Given): Credentials {
  return {
    organisationId: textOf(given.organisationId, 'organisationId', MAX_TEXT_CHARACTERS),
    apiKey: textOf(given.apiKey, 'apiKey', MAX_TEXT_CHARACTERS),
  };
}

const URL_FAULTS: Readonly<Record<UrlFault, string>> = {
  form: 'an absolute URL',
  length: 'a URL of at most 2048 characters',
  scheme: 'a URL of http or https',
  'user-info': 'a URL without user name and password',
  port: 'a URL with a port that may be asked',
};

function urlOf(given: unknown, path: string, allowsPort: PortRule): URL {
  const url = typeof given === 'string' ? parseSourceUrl(given, allowsPort) : 'form';
  if (typeof url === 'string') throw invalid(path, URL_FAULTS[url]);
  return url;
}

function fileNameOf(url: URL): string {
  const last = url.pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last).slice(0, MAX_NAME_CHARACTERS) || 'image';
  } catch {
    return last.slice(0, MAX_NAME_CHARACTERS);
  }
}

function optionalText(given: unknown, path: string, most: number): string | undefined {
  return given === undefined || given === null || given === '' ? undefined : textOf(given, path, most);
}

/** 1 to `most` characters. */
function textOf(given: unknown, path: string, most: number): string {
  if (typeof given === 'string' && given !== '' && given.length <= most) return given;
  throw invalid(path, `a text of 1 to ${most} characters`);
}

function objectOf(given: unknown, path: string): Given {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given as Given;
  throw invalid(path, 'an object');
}

function invalid(path: string, expected: string): ProofsheetError {
  return new ProofsheetError('invalid-request-format', `expected ${expected} as ${path}, got something else`);
}
