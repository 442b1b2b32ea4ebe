// The typed client of Proofsheet, `proofsheet/client`: fetch and Web Crypto only, so it runs in browsers and in Node alike. What
// is asked and answered are types made from the server's own route tables.
import { ProofsheetApiError } from './api-error.js';
import { checkNarrowing, checkPath } from './asked-names.js';
import { contentDigest, hasWebCrypto, sha256Of } from './digest.js';
import type { Metadata, Operations, Refusals } from './operations.js';
import { partsOf } from './parts.js';
import { retrying } from './retrying.js';
import { percentEncoded, type SigningKey, signedQuery } from './signing.js';
import { type Fetching, type Progress, Uploader } from './upload-body.js';

export { ProofsheetApiError } from './api-error.js';
export type * from './operations.js';
export type { SigningKey } from './signing.js';
export type { Progress } from './upload-body.js';

export interface ClientOptions {
  /** Where the operations are, with the base path: `https://previews.example.org/imageconverter`. */
  readonly url: string;
  /** An API token, where the server asks for one. */
  readonly token?: string;
  /** Name and password of the admin, for clearing and listing. */
  readonly admin?: { readonly user: string; readonly password: string };
  /** How often a request is sent again that is answered with 429 or 503, or not at all; 3 unless named. */
  readonly retries?: number;
  /** The longest wait before that, in ms; 30 s unless named. */
  readonly maxWaitMs?: number;
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof fetch;
}

export interface CallOptions {
  /** The tenant; the default context unless named. */
  readonly context?: string;
  readonly signal?: AbortSignal;
}

/** Of calls that mean all contexts where none is named. */
export interface NarrowedOptions extends CallOptions {
  /** One context; all of them unless named. An empty one is refused: it would be all of them, too. */
  readonly context?: string;
}

export interface PreviewUrlOptions extends Pick<CallOptions, 'context'> {
  /** The very format, and not what fits it best; the server has to permit it (`PROOFSHEET_EXACT`). */
  readonly exact?: boolean;
}

export interface PutOptions extends CallOptions {
  /** The image key; the SHA-256 of the bytes in hex unless named. */
  readonly key?: string;
  /** The SHA-256 of the bytes in hex, where it is known: then they are not read twice. */
  readonly digest?: string;
  /** Told of the upload as it goes. A browser tells nothing in between where it cannot stream, over HTTP/1.1 that is. */
  readonly onProgress?: (progress: Progress) => void;
}

export interface Stored {
  readonly key: string;
  /** The bytes were sent; `false` where the server had them already. */
  readonly isUploaded: boolean;
}

export interface WantedPreview {
  readonly key: string;
  /** As `auto:200x150`. */
  readonly format: string;
  /** Of a preview that is at hand: the same one is not sent again. */
  readonly ifNoneMatch?: string;
}

export interface BatchOptions extends CallOptions {
  /** Show at once what there is, and wait this long for what has still to be made, in ms; without it that is waited for alone. */
  readonly waitMs?: number;
}

/** One answer of a batch: a preview, `isUnchanged`, or an error. */
export interface BatchAnswer {
  readonly wanted: WantedPreview;
  /** `false`: the best of what is there; the right one may follow. */
  readonly isFinal: boolean;
  readonly preview?: Blob;
  readonly etag?: string;
  readonly isUnchanged: boolean;
  readonly error?: ProofsheetApiError;
}

/** Previews that the server answers in one go. */
const BATCH_IMAGES = 200;
/** The code by which a server asks for bytes that it does not know. */
const SEND_BYTES = 4003;

export class ProofsheetClient {
  private readonly url: string;
  private readonly fetching: Fetching;
  private readonly uploader = new Uploader();

  constructor(private readonly options: ClientOptions) {
    this.url = options.url.replace(/\/+$/, '');
    this.fetching = (url, init) => (options.fetch ?? globalThis.fetch)(url, init);
  }

  /**
   * Stores `source` and resolves once every preview is stored. The server is asked first, by the key, or where that is named, by the
   * digest of the bytes, and they are sent only when it does not know them. Rejects with a `ProofsheetApiError` for what is no image,
   * is too large, or is not allowed, and with the signal's reason as soon as it aborts.
   */
  async put(source: Blob, options: PutOptions = {}): Promise<Stored> {
    const canHash = options.key === undefined || hasWebCrypto();
    const digest = options.digest ?? (canHash ? await sha256Of(source) : undefined);
    const key = options.key ?? (digest as string);
    options.signal?.throwIfAborted();
    const headers: Record<string, string> = digest === undefined ? {} : { 'Content-Digest': contentDigest(digest) };
    const isKnown = options.key === undefined ? this.has(key, options) : this.putKnown(key, headers, options);
    if (digest !== undefined && (await isKnown)) return { key, isUploaded: false };
    await this.sendSource(['cacheImage', key], source, headers, options);
    return { key, isUploaded: true };
  }

  /**
   * The same in one go with the preview that fits `format` best, which is answered as soon as it is stored: the others follow. What is
   * there under the key stays, and answers, and the bytes are not sent.
   */
  async putAndPreview(
    source: Blob,
    format: string,
    options: PutOptions = {},
  ): Promise<Stored & { readonly preview: Blob }> {
    const digest = options.digest ?? (options.key === undefined || hasWebCrypto() ? await sha256Of(source) : undefined);
    const key = options.key ?? (digest as string);
    options.signal?.throwIfAborted();
    try {
      return { key, isUploaded: false, preview: await this.preview(key, format, options) };
    } catch (error) {
      if (!(error instanceof ProofsheetApiError) || error.status !== 404) throw error;
    }
    const headers: Record<string, string> = digest === undefined ? {} : { 'Content-Digest': contentDigest(digest) };
    const answer = await this.sendSource(['cacheAndGetImage', key, format], source, headers, options);
    return { key, isUploaded: true, preview: await answer.blob() };
  }

  /** Lets the key point to bytes that the server knows in this context; `false` where it does not. */
  private async putKnown(key: string, headers: Record<string, string>, options: CallOptions): Promise<boolean> {
    if (headers['Content-Digest'] === undefined) return false;
    try {
      await this.send('POST', ['cacheImage', key], options, { headers });
      return true;
    } catch (error) {
      if (error instanceof ProofsheetApiError && error.code === SEND_BYTES) return false;
      throw error;
    }
  }

  private sendSource(
    path: readonly [keyof Operations, ...string[]],
    source: Blob,
    headers: Record<string, string>,
    options: PutOptions,
  ): Promise<Response> {
    const send = (url: string, init: RequestInit): Promise<Response> =>
      this.uploader.send(this.fetching, url, init, source, options.onProgress);
    return this.send('PUT', path, options, { headers }, false, send);
  }

  /** Whether something is stored under the key. */
  async has(key: string, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.send('HEAD', ['getMetadata', key], options);
      return true;
    } catch (error) {
      if (error instanceof ProofsheetApiError && error.status === 404) return false;
      throw error;
    }
  }

  /** The stored preview that fits `format` (`auto:200x150`) best. Rejects with code 4040 where nothing is stored. */
  async preview(key: string, format: string, options: CallOptions = {}): Promise<Blob> {
    return (await this.send('GET', ['getImage', key, format], options)).blob();
  }

  /**
   * Many previews, as they come: what is stored first. Each of `wanted` is answered once, or with `waitMs` perhaps twice. More than 200
   * are asked for in several requests, one after the other. What fails, fails for itself.
   */
  async *previews(wanted: readonly WantedPreview[], options: BatchOptions = {}): AsyncGenerator<BatchAnswer> {
    for (let from = 0; from < wanted.length; from += BATCH_IMAGES)
      yield* this.batch(wanted.slice(from, from + BATCH_IMAGES), options);
  }

  private async *batch(wanted: readonly WantedPreview[], options: BatchOptions): AsyncGenerator<BatchAnswer> {
    const images = wanted.map(({ key, format, ifNoneMatch }) => ({ key, format, ...(ifNoneMatch && { ifNoneMatch }) }));
    const response = await this.send('POST', ['getImages'], options, {
      body: JSON.stringify({ images }),
      headers: { 'Content-Type': 'application/json', Accept: 'multipart/mixed' },
    });
    for await (const { headers, body } of partsOf(response)) {
      const one = wanted[Number(/^<(\d+)>$/.exec(headers.get('Content-ID') ?? '')?.[1] ?? Number.NaN)];
      if (one === undefined) throw new Error('expected an answer to what was asked for, got another');
      const status = Number(headers.get('Status'));
      const [type, etag] = [headers.get('Content-Type') ?? '', headers.get('ETag')];
      yield {
        wanted: one,
        isFinal: !headers.has('X-Proofsheet-Provisional'),
        isUnchanged: status === 304,
        ...(status === 200 && { preview: new Blob([body], { type }) }),
        ...(etag !== null && { etag }),
        ...(status >= 400 && { error: await ProofsheetApiError.of(new Response(body, { status })) }),
      };
    }
  }

  /** Its URL, for an `img`; opened by whatever the server asks for. */
  previewUrl(key: string, format: string, { context, exact = false }: PreviewUrlOptions = {}): string {
    const url = this.target(['getImage', key, format], context);
    return exact ? `${url}${url.includes('?') ? '&' : '?'}match=exact` : url;
  }

  /** The same, opened by its signature for `expiresInSeconds`. Needs the secret: never in a page. */
  async signedPreviewUrl(
    key: string,
    format: string,
    signing: SigningKey,
    {
      context = '',
      exact = false,
      expiresInSeconds = 3_600,
    }: PreviewUrlOptions & { readonly expiresInSeconds?: number } = {},
  ): Promise<string> {
    const path = ['getImage', key, format];
    const expires = Math.floor(Date.now() / 1_000) + expiresInSeconds;
    return `${this.target(path, undefined)}?${await signedQuery(path, context, expires, signing, exact)}`;
  }

  /** What is known of the image. Rejects with code 4040 where nothing is stored. */
  async metadata(key: string, options: CallOptions = {}): Promise<Metadata> {
    return this.json<'getMetadata'>('GET', ['getMetadata', key], options);
  }

  /** How many keys there are, in one context or in all. */
  async keyCount(options: NarrowedOptions = {}): Promise<number> {
    checkNarrowing(options);
    return (await this.json<'getKeyCount'>('GET', ['getKeyCount'], options)).count;
  }

  /** All keys, of one context or of all. For admins. */
  async keys(options: NarrowedOptions = {}): Promise<readonly string[]> {
    checkNarrowing(options);
    return (await this.json<'getKeys'>('GET', ['getKeys'], options, true)).keys;
  }

  /** Forgets a key, in one context or in all; resolves with what the server says of it. For admins. */
  async clear(key: string, options: NarrowedOptions = {}): Promise<string> {
    checkNarrowing(options);
    return (await this.json<'clearImagesByKey'>('DELETE', ['clearImagesByKey', key], options, true)).message;
  }

  /** Forgets all of one context, or of all. For admins. */
  async clearAll(options: NarrowedOptions = {}): Promise<string> {
    checkNarrowing(options);
    return (await this.json<'clearImages'>('DELETE', ['clearImages'], options, true)).message;
  }

  /** The sources that could not be converted lately, and until when they are refused. For admins. */
  async refusals(options: Omit<CallOptions, 'context'> = {}): Promise<Refusals['refusals']> {
    return (await this.json<'getRefusals'>('GET', ['getRefusals'], options, true)).refusals;
  }

  /** Lets one of them be tried again, or all; resolves with what the server says of it. For admins. */
  async clearRefusals(digest?: string, options: Omit<CallOptions, 'context'> = {}): Promise<string> {
    const path = ['clearRefusals', ...(digest === undefined ? [] : [digest])] as ['clearRefusals', ...string[]];
    return (await this.json<'clearRefusals'>('DELETE', path, options, true)).message;
  }

  /** What `preview` would be answered with: `match` tells which preview, and why, as `exact; format="auto:200x150"; size=200x150`. */
  async answerTo(key: string, format: string, options: CallOptions = {}): Promise<{ status: number; match: string }> {
    const { status, headers } = await this.send('HEAD', ['getImage', key, format], options);
    return { status, match: headers.get('X-Proofsheet-Match') ?? '' };
  }

  private async json<Name extends keyof Operations>(
    verb: Operations[Name]['verb'],
    path: readonly [Name, ...string[]],
    options: CallOptions,
    isAdmins = false,
  ): Promise<Operations[Name]['answer']> {
    // The server's API tests hold every answer against the document that this type is made from.
    const answer = await this.send(verb, path, options, {}, isAdmins);
    return parsed(answer.status, await answer.text()) as Operations[Name]['answer'];
  }

  private async send(
    method: string,
    path: readonly [keyof Operations, ...string[]],
    { context, waitMs, signal }: BatchOptions,
    { headers, body }: Pick<RequestInit, 'body'> & { readonly headers?: Record<string, string> } = {},
    isAdmins = false,
    sending: Fetching = this.fetching,
  ): Promise<Response> {
    const { retries = 3, maxWaitMs = 30_000 } = this.options;
    const url = this.target(path, context, waitMs);
    const init: RequestInit = {
      method,
      headers: { ...headers, ...this.credentials(isAdmins) },
      ...(body !== undefined && { body }),
      ...(signal && { signal }),
    };
    const response = await retrying(() => sending(url, init), { retries, maxWaitMs }, signal);
    if (!response.ok) throw await ProofsheetApiError.of(response);
    return response;
  }

  private target(path: readonly string[], context = '', waitMs?: number): string {
    checkPath(path);
    const query = [
      ...(context === '' ? [] : [`context=${percentEncoded(context)}`]),
      ...(waitMs === undefined ? [] : [`wait=${waitMs}`]),
    ].join('&');
    return `${this.url}/${path.map(percentEncoded).join('/')}${query === '' ? '' : `?${query}`}`;
  }

  private credentials(isAdmins: boolean): Record<string, string> {
    const { token, admin } = this.options;
    if (isAdmins && admin !== undefined) {
      // `btoa` takes Latin-1: the UTF-8 of it, byte by byte.
      const bytes = new TextEncoder().encode(`${admin.user}:${admin.password}`);
      return { Authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
    }
    return token === undefined ? {} : { Authorization: `Bearer ${token}` };
  }
}

/** Something in between may answer well, with a page of its own. */
function parsed(status: number, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProofsheetApiError(status, undefined, 'expected JSON of the server, got something else');
  }
}
