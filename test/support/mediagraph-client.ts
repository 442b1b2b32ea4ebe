// Requests as Mediagraph's own client and documents make them: order, paths, headers and bodies, and what the client reads of the
// answers. Knows nothing of the server.
import { randomBytes } from 'node:crypto';

export interface Json {
  readonly [name: string]: unknown;
}

export interface Sent {
  readonly status: number;
  readonly body: Json;
}

export interface Prepared {
  readonly id: number;
  readonly guid: string;
  readonly url: string;
}

const JSON_HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json' };

export class MediagraphClient {
  constructor(
    private readonly api: string,
    private readonly token: string,
    /** With it the token is a personal one. */
    private readonly organization?: number,
  ) {}

  get headers(): Record<string, string> {
    if (this.organization === undefined) return { ...JSON_HEADERS, Authorization: `Bearer ${this.token}` };
    const basic = Buffer.from(`:${this.token}`).toString('base64');
    return { ...JSON_HEADERS, Authorization: `Basic ${basic}`, OrganizationId: String(this.organization) };
  }

  async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Sent> {
    const answer = await fetch(`${this.api}${path}`, {
      method,
      headers: { ...this.headers, ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    // What is no JSON by its Content-Type counts as nothing.
    const isJson = answer.headers.get('content-type')?.includes('application/json') === true && text !== '';
    return { status: answer.status, body: isJson ? (JSON.parse(text) as Json) : {} };
  }

  async get(path: string): Promise<Json> {
    const { status, body } = await this.send('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  /** Call 3: without a body, as the client sends it where it has nothing to say. */
  async open(): Promise<{ readonly id: number; readonly guid: string }> {
    const { status, body } = await this.send('POST', '/api/uploads');
    if (status !== 200) throw new Error(`POST /api/uploads: ${status} ${JSON.stringify(body)}`);
    return body as never;
  }

  /** Call 4. */
  async prepare(guid: string, filename: string, bytes: number): Promise<Prepared> {
    const asset = { filename, file_size: bytes, created_via: 'mcp' };
    const { status, body } = await this.send('POST', `/api/uploads/${guid}/assets`, { asset });
    if (status !== 200) throw new Error(`prepare: ${status} ${JSON.stringify(body)}`);
    return { id: body.id as number, guid: body.guid as string, url: body.signed_upload_url as string };
  }

  /** Call 5: to the signed URL, without credentials. */
  async put(url: string, bytes: Buffer, headers: Record<string, string> = { 'Content-Type': 'image/jpeg' }) {
    const answer = await fetch(url, { method: 'PUT', body: new Uint8Array(bytes), headers });
    return { status: answer.status, text: await answer.text(), etag: answer.headers.get('etag') };
  }

  /** Call 6. */
  uploaded(guid: string): Promise<Sent> {
    return this.send('GET', `/api/assets/${guid}/set_uploaded?skip_meta=true`);
  }

  /** Calls 3 to 7. */
  async upload(filename: string, bytes: Buffer): Promise<Prepared> {
    const session = await this.open();
    const prepared = await this.prepare(session.guid, filename, bytes.length);
    const put = await this.put(prepared.url, bytes);
    if (put.status !== 200) throw new Error(`PUT: ${put.status} ${put.text}`);
    const uploaded = await this.uploaded(prepared.guid);
    if (uploaded.status !== 200) throw new Error(`set_uploaded: ${uploaded.status} ${JSON.stringify(uploaded.body)}`);
    await this.send('PUT', `/api/uploads/${session.id}/set_done`);
    return prepared;
  }

  /** Polls as the client does where it hears of nothing. */
  async watch(id: number | string, patienceMs = 60_000): Promise<Json> {
    for (const end = Date.now() + patienceMs; ; ) {
      const asset = await this.get(`/api/assets/${id}`);
      if (asset.aasm_state === 'processed' || asset.aasm_state === 'processing_error') return asset;
      if (Date.now() > end) throw new Error(`still ${asset.aasm_state}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** A valid JPEG of at least so many bytes, like no other: what stands behind the picture's end is nobody's. */
export function padded(jpeg: Buffer, bytes: number): Buffer {
  return Buffer.concat([jpeg, randomBytes(Math.max(16, bytes - jpeg.length))]);
}
