// The body of an import as its clients send it, checked to a value; every fault is told by the path of its value. Pure.
import type { JsonObject } from '../../../kernel/library/asset.js';
import type { Callback, WantedItem } from '../../../kernel/library/import-job.js';
import { type PortRule, parseSourceUrl, type UrlFault } from '../../../kernel/source-url.js';
import { ValidationFailure } from './failures.js';

export interface AskedImport {
  readonly systemName: string;
  readonly items: readonly WantedItem[];
  readonly callback?: Callback;
}

/** Bytes of the context as JSON in UTF-8. */
export const MAX_CONTEXT_BYTES = 8_192;
const MAX_METADATA_BYTES = 64 * 1024;
const MAX_SYSTEM_NAME_CHARACTERS = 256;
const MAX_ID_CHARACTERS = 512;
const MAX_TITLE_CHARACTERS = 1_024;
const MAX_MEDIA_TYPE_CHARACTERS = 256;
/** The most that a server can be set to take; the library says how many this one takes. */
const MAX_IMAGES = 100_000;
/** A batch that is wrong all through is told so by its first faults. */
const MAX_FAULTS = 100;

type Given = Readonly<Record<string, unknown>>;

/** Throws `ValidationFailure`. How many images may be in a batch is the library's to say. */
export function parseImport(body: unknown, allowsPort: PortRule): AskedImport {
  if (!isObject(body)) throw new ValidationFailure({ body: 'expected a JSON object' });
  const check = new Checks();
  const systemName = check.text(body.systemName, 'systemName', MAX_SYSTEM_NAME_CHARACTERS);
  const callback = callbackOf(body, check, allowsPort);
  if (!Array.isArray(body.images) || body.images.length === 0)
    check.fault('images', 'expected an array of at least one image');
  const images: readonly unknown[] = Array.isArray(body.images) ? body.images : [];
  if (images.length > MAX_IMAGES) throw new ValidationFailure({ images: `expected at most ${MAX_IMAGES} images` });
  const items = images.map((image, index) => itemOf(image, `images.${index}`, systemName, check, allowsPort));
  check.end();
  return { systemName, items, ...(callback && { callback }) };
}

function callbackOf({ webhook, context }: Given, check: Checks, allowsPort: PortRule): Callback | undefined {
  if (context !== undefined && context !== null) {
    if (!isObject(context)) check.fault('context', 'expected an object');
    else if (Buffer.byteLength(JSON.stringify(context)) > MAX_CONTEXT_BYTES)
      check.fault('context', `expected at most ${MAX_CONTEXT_BYTES} bytes of JSON`);
  }
  if (webhook === undefined || webhook === null) return undefined;
  const url = check.url(webhook, 'webhook', allowsPort);
  return { url, ...(isObject(context) && { context: context as JsonObject }) };
}

function itemOf(image: unknown, path: string, system: string, check: Checks, allowsPort: PortRule): WantedItem {
  if (!isObject(image)) {
    check.fault(path, 'expected an object with url, id, fileName and metadata');
    return { url: '', title: '' };
  }
  const url = check.url(image.url, `${path}.url`, allowsPort);
  const externalId = check.text(image.id, `${path}.id`, MAX_ID_CHARACTERS);
  const title = check.text(
    typeof image.fileName === 'string' ? image.fileName.trim() : image.fileName,
    `${path}.fileName`,
    MAX_TITLE_CHARACTERS,
  );
  const { metadata, mediaType } = image;
  if (!isObject(metadata)) check.fault(`${path}.metadata`, 'expected an object');
  else if (Buffer.byteLength(JSON.stringify(metadata)) > MAX_METADATA_BYTES)
    check.fault(`${path}.metadata`, `expected at most ${MAX_METADATA_BYTES} bytes of JSON`);
  // Missing in the examples of its own documents, whatever their text says.
  const handle =
    mediaType === undefined || mediaType === null
      ? undefined
      : check.text(mediaType, `${path}.mediaType`, MAX_MEDIA_TYPE_CHARACTERS);
  return {
    url,
    title,
    reference: { system, externalId },
    ...(isObject(metadata) && { metadata: metadata as JsonObject }),
    ...(handle !== undefined && { mediaType: handle }),
  };
}

const URL_FAULTS: Readonly<Record<UrlFault, string>> = {
  form: 'expected an absolute URL',
  length: 'expected a URL of at most 2048 characters',
  scheme: 'expected a URL of http or https; data URLs are not allowed',
  'user-info': 'expected a URL without user name and password',
  port: 'expected a URL with a port that may be asked',
};

class Checks {
  private readonly faults: Record<string, string> = {};
  private count = 0;

  fault(path: string, text: string): void {
    if (this.count++ < MAX_FAULTS) this.faults[path] = text;
  }

  /** A text of 1 to `most` characters. */
  text(given: unknown, path: string, most: number): string {
    if (typeof given === 'string' && given !== '' && given.length <= most) return given;
    this.fault(path, `expected a text of 1 to ${most} characters`);
    return '';
  }

  url(given: unknown, path: string, allowsPort: PortRule): string {
    const url = typeof given === 'string' ? parseSourceUrl(given, allowsPort) : 'form';
    if (typeof url !== 'string') return url.href;
    this.fault(path, URL_FAULTS[url]);
    return '';
  }

  /** Throws `ValidationFailure` if there was a fault. */
  end(): void {
    if (this.count > 0) throw new ValidationFailure(this.faults);
  }
}

function isObject(given: unknown): given is Given {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}
