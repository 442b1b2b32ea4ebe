// A load that uploads, overwrites, reads, loses previews and clears, and remembers for every key what the server may be
// held to: what was acknowledged last, and what was asked for since without an answer.

import { createHash, randomBytes } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { DEFAULT_TARGET_FORMATS } from '../default-formats.js';

import { blobPath } from '../embedded.js';
import { encodedPhoto } from '../encoded-photo.js';
import { sourceForm } from '../multipart.js';
import type { ServerProcess } from '../server-process.js';

/** The admin that servers of this load have. */
export const LOAD_ADMIN = { PROOFSHEET_ADMIN_USER: 'admin', PROOFSHEET_ADMIN_PASSWORD: 'clear it' } as const;
const AUTHORIZATION = `Basic ${Buffer.from('admin:clear it').toString('base64')}`;

/** What a key may hold: the hex digest of its source, or nothing. */
type State = string | 'nothing';

interface Held {
  /** One state when everything was acknowledged; more while, or after, something was under way. */
  possible: readonly State[];
  /** Formats that were acknowledged one by one, where not all are promised. */
  formats: readonly string[];
}

const METADATA_PREVIEW_COUNT = { min: 1, max: DEFAULT_TARGET_FORMATS.length } as const;

export class KillLoad {
  /** Answers that acknowledged something. */
  readonly acknowledged = { uploads: 0, overwrites: 0, clears: 0, heals: 0 };
  /** Digests of previews whose files it took away; some were made again since. */
  readonly lost = new Set<string>();
  private readonly keys = new Map<string, Held>();
  /** Keys that the load touched since they were last checked. */
  private fresh = new Set<string>();

  private constructor(
    private readonly dataDir: string,
    private readonly photos: readonly Buffer[],
  ) {}

  static async make(dataDir: string): Promise<KillLoad> {
    const photos = [];
    // Previews that differ, so that one key's cannot be taken for another's, and few, so that blobs are shared too.
    for (let n = 0; n < 5; n++) photos.push(await encodedPhoto(320 + 64 * n, 240 + 32 * n));
    return new KillLoad(dataDir, photos);
  }

  /** Works as client `client`, which owns the keys of its context, until the server is killed. */
  async run(server: ServerProcess, client: number, signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) await this.step(server, client);
    } catch (error) {
      // Connections break when the server is killed; what it was asked for then may have happened or not.
      if (!signal.aborted) throw error;
    }
  }

  /** What was touched since the last check, and `others` more of what is older, is what was acknowledged. */
  async check(server: ServerProcess, others: number): Promise<void> {
    const older = [...this.keys.keys()].filter((key) => !this.fresh.has(key));
    const sample = shuffled(older).slice(0, others);
    for (const key of [...this.fresh, ...sample]) await this.checkKey(server, key);
    this.fresh = new Set();
  }

  async checkAll(server: ServerProcess): Promise<void> {
    await this.check(server, this.keys.size);
  }

  /** How much was acknowledged in all. */
  get total(): number {
    return Object.values(this.acknowledged).reduce((sum, count) => sum + count, 0);
  }

  /** Keys that hold a source. */
  get held(): number {
    return [...this.keys.values()].filter(({ possible }) => possible[0] !== 'nothing').length;
  }

  private async step(server: ServerProcess, client: number): Promise<void> {
    const own = [...this.keys].filter(
      ([key, { possible }]) => key.startsWith(`${client}/`) && possible[0] !== 'nothing',
    );
    const [existing] = own[Math.floor(Math.random() * own.length)] ?? [];
    const dice = Math.random();
    if (existing === undefined || dice < 0.3) await this.upload(server, `${client}/${randomBytes(6).toString('hex')}`);
    else if (dice < 0.6) await this.overwrite(server, existing);
    else if (dice < 0.75) await this.clearKey(server, existing);
    else if (dice < 0.78) await this.clearContext(server, client);
    else if (dice < 0.9) await this.loseAndRead(server, existing);
    else await this.checkKey(server, existing);
  }

  private source(): Buffer {
    const photo = this.photos[Math.floor(Math.random() * this.photos.length)] ?? Buffer.of();
    // Bytes behind the end of a JPEG change nothing but its digest.
    return Buffer.concat([photo, randomBytes(16)]);
  }

  private async upload(server: ServerProcess, key: string): Promise<void> {
    const source = this.source();
    const all = Math.random() < 0.5;
    const wanted = DEFAULT_TARGET_FORMATS[Math.floor(Math.random() * DEFAULT_TARGET_FORMATS.length)] ?? 'auto:200x150';
    const held = this.begin(key, digestOf(source));
    await ask(server, path(key, all ? 'cacheImage' : 'cacheAndGetImage', all ? '' : wanted), source);
    held.possible = [digestOf(source)];
    held.formats = all ? DEFAULT_TARGET_FORMATS : [wanted];
    this.acknowledged.uploads++;
  }

  private async overwrite(server: ServerProcess, key: string): Promise<void> {
    const source = this.source();
    const held = this.begin(key, digestOf(source));
    await ask(server, path(key, 'cacheImage', ''), source);
    held.possible = [digestOf(source)];
    held.formats = DEFAULT_TARGET_FORMATS;
    this.acknowledged.overwrites++;
  }

  private async clearKey(server: ServerProcess, key: string): Promise<void> {
    const held = this.begin(key, 'nothing');
    await clear(`${server.url}/${path(key, 'clearImagesByKey', '')}`);
    held.possible = ['nothing'];
    this.acknowledged.clears++;
  }

  private async clearContext(server: ServerProcess, client: number): Promise<void> {
    const own = [...this.keys.keys()].filter((key) => key.startsWith(`${client}/`));
    const held = own.map((key) => this.begin(key, 'nothing'));
    await clear(`${server.url}/clearImages?context=${client}`);
    for (const each of held) each.possible = ['nothing'];
    this.acknowledged.clears++;
  }

  /** A preview's file is lost; whoever asks for it gets it all the same, made again from the source. */
  private async loseAndRead(server: ServerProcess, key: string): Promise<void> {
    this.fresh.add(key);
    const etag = await readPreview(server, key, 'auto:800x800');
    this.lost.add(etag);
    await unlink(blobPath(this.dataDir, etag)).catch(() => undefined);
    // Asked for in other words, so that no prepared answer knows it; what memory holds may still answer.
    expect(await readPreview(server, key, 'auto:799x799')).toBe(etag);
    this.acknowledged.heals++;
  }

  private begin(key: string, next: State): Held {
    this.fresh.add(key);
    const before = this.keys.get(key) ?? { possible: ['nothing'], formats: [] };
    const held = { possible: [...before.possible, next], formats: before.formats };
    this.keys.set(key, held);
    return held;
  }

  private async checkKey(server: ServerProcess, key: string): Promise<void> {
    const held = this.keys.get(key);
    if (held === undefined) throw new Error(`expected a key of the load, got ${key}`);
    const { status, body } = await answered(() => fetch(`${server.url}/${path(key, 'getMetadata', '')}`));
    const text = body.toString();
    const found = status === 404 ? 'nothing' : digestIn(text);
    expect(held.possible, `${key}: ${status} ${text.slice(0, 300)}`).toContain(found);
    held.possible = [found];
    if (found === 'nothing') return;
    const previews = previewsIn(text);
    expect(previews.length).toBeGreaterThanOrEqual(METADATA_PREVIEW_COUNT.min);
    expect(previews.length).toBeLessThanOrEqual(METADATA_PREVIEW_COUNT.max);
    for (const format of held.formats.length > 0 ? held.formats : DEFAULT_TARGET_FORMATS) {
      await readPreview(server, key, format);
    }
  }
}

/** The digest of the preview; fails unless it is answered, whole. */
async function readPreview(server: ServerProcess, key: string, format: string): Promise<string> {
  const { status, headers, body } = await answered(() => fetch(`${server.url}/${path(key, 'getImage', format)}`));
  expect(status, `${key} ${format}: ${status === 200 ? '' : body.toString()}`).toBe(200);
  const digest = digestOf(body);
  expect(headers.get('etag')).toBe(`"${digest}"`);
  return digest;
}

async function ask(server: ServerProcess, operation: string, source: Buffer): Promise<void> {
  const send = () => fetch(`${server.url}/${operation}`, { method: 'POST', body: sourceForm(source) });
  const { status, body } = await answered(send);
  if (status !== 200) throw new Error(`${operation}: ${status} ${body.toString()}`);
}

async function clear(url: string): Promise<void> {
  const { status, body } = await answered(() =>
    fetch(url, { method: 'DELETE', headers: { Authorization: AUTHORIZATION } }),
  );
  if (status !== 200) throw new Error(`${url}: ${status} ${body.toString()}`);
}

/** What `send` is answered with. A server on a busy machine may ask to come again, which acknowledges nothing, and is done. */
async function answered(send: () => Promise<Response>) {
  for (;;) {
    const answer = await send();
    const body = Buffer.from(await answer.arrayBuffer());
    const afterSeconds = answer.headers.get('retry-after');
    if (answer.status !== 503 || afterSeconds === null) return { status: answer.status, headers: answer.headers, body };
    await sleep(Number(afterSeconds) * 1_000);
  }
}

/** Keys are `<client>/<name>`: the client is the context. */
function path(key: string, operation: string, format: string): string {
  const [context, name] = key.split('/');
  return `${operation}/${name}${format === '' ? '' : `/${format}`}?context=${context}`;
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function digestIn(metadata: string): string {
  const { Proofsheet } = JSON.parse(metadata) as { readonly Proofsheet: { readonly digest: string } };
  return Proofsheet.digest.replace('sha256:', '');
}

function previewsIn(metadata: string): readonly unknown[] {
  const { Proofsheet } = JSON.parse(metadata) as { readonly Proofsheet: { readonly previews: readonly unknown[] } };
  return Proofsheet.previews;
}

function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ value }) => value);
}
