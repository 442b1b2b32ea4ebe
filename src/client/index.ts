// The typed client of Proofsheet, `proofsheet/client`: fetch and Web Crypto only, so it runs in browsers and in Node alike. What
// is asked and answered are types made from the server's own route tables.
import { ProofsheetApiError } from './api-error.js';
import type { Metadata, Operations } from './operations.js';
import { retrying } from './retrying.js';
import { percentEncoded, type SigningKey, signedQuery } from './signing.js';

export { ProofsheetApiError } from './api-error.js';
export type * from './operations.js';
export type { SigningKey } from './signing.js';

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

export interface PutOptions extends CallOptions {
  /** The image key; the SHA-256 of the bytes in hex unless named. */
  readonly key?: string;
}

export interface Stored {
  readonly key: string;
  /** The bytes were sent; `false` where the key was known already. */
  readonly isUploaded: boolean;
}

export class ProofsheetClient {
  private readonly url: string;

  constructor(private readonly options: ClientOptions) {
    this.url = options.url.replace(/\/+$/, '');
  }

  /**
   * Stores `source` and resolves once every preview is stored. The server is asked for the key first, and the bytes are sent only
   * when it does not know it. Rejects with a `ProofsheetApiError` for what is no image, is too large, or is not allowed.
   */
  async put(source: Blob, options: PutOptions = {}): Promise<Stored> {
    const key = options.key ?? (await sha256Of(source));
    if (options.key === undefined && (await this.has(key, options))) return { key, isUploaded: false };
    const form = new FormData();
    form.set('sourceImage', source);
    await this.send('POST', ['cacheImage', key], options, { body: form });
    return { key, isUploaded: true };
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

  /** Its URL, for an `img`; opened by whatever the server asks for. */
  previewUrl(key: string, format: string, { context }: Pick<CallOptions, 'context'> = {}): string {
    return this.target(['getImage', key, format], context);
  }

  /** The same, opened by its signature for `expiresInSeconds`. Needs the secret: never in a page. */
  async signedPreviewUrl(
    key: string,
    format: string,
    signing: SigningKey,
    { context = '', expiresInSeconds = 3_600 }: { readonly context?: string; readonly expiresInSeconds?: number } = {},
  ): Promise<string> {
    const path = ['getImage', key, format];
    const expires = Math.floor(Date.now() / 1_000) + expiresInSeconds;
    return `${this.target(path, undefined)}?${await signedQuery(path, context, expires, signing)}`;
  }

  /** What is known of the image. Rejects with code 4040 where nothing is stored. */
  async metadata(key: string, options: CallOptions = {}): Promise<Metadata> {
    return this.json<'getMetadata'>('GET', ['getMetadata', key], options);
  }

  /** How many keys there are, in one context or in all. */
  async keyCount(options: CallOptions = {}): Promise<number> {
    return (await this.json<'getKeyCount'>('GET', ['getKeyCount'], options)).count;
  }

  /** All keys, of one context or of all. For admins. */
  async keys(options: CallOptions = {}): Promise<readonly string[]> {
    return (await this.json<'getKeys'>('GET', ['getKeys'], options, true)).keys;
  }

  /** Forgets a key, in one context or in all; resolves with what the server says of it. For admins. */
  async clear(key: string, options: CallOptions = {}): Promise<string> {
    return (await this.json<'clearImagesByKey'>('DELETE', ['clearImagesByKey', key], options, true)).message;
  }

  private async json<Name extends keyof Operations>(
    verb: Operations[Name]['verb'],
    path: readonly [Name, ...string[]],
    options: CallOptions,
    isAdmins = false,
  ): Promise<Operations[Name]['answer']> {
    // The server's API tests hold every answer against the document that this type is made from.
    return (await this.send(verb, path, options, {}, isAdmins)).json() as Promise<Operations[Name]['answer']>;
  }

  private async send(
    method: string,
    path: readonly [keyof Operations, ...string[]],
    { context, signal }: CallOptions,
    more: RequestInit = {},
    isAdmins = false,
  ): Promise<Response> {
    const { retries = 3, maxWaitMs = 30_000, fetch: fetching = globalThis.fetch } = this.options;
    const url = this.target(path, context);
    const init: RequestInit = { ...more, method, headers: this.credentials(isAdmins), ...(signal && { signal }) };
    const response = await retrying(() => fetching(url, init), { retries, maxWaitMs }, signal);
    if (!response.ok) throw await ProofsheetApiError.of(response);
    return response;
  }

  private target(path: readonly string[], context: string | undefined): string {
    const query = context === undefined || context === '' ? '' : `?context=${percentEncoded(context)}`;
    return `${this.url}/${path.map(percentEncoded).join('/')}${query}`;
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

async function sha256Of(source: Blob): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', await source.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
