// What the fault tests ask of a server: uploads, reads and clears by key, each with what came of it.
import { createHash, randomBytes } from 'node:crypto';
import { sourceForm } from '../multipart.js';

export interface Outcome {
  readonly status: number;
  /** The numeric code of an error's body; 0 without one. */
  readonly code: number;
  readonly body: Buffer;
  readonly headers: Headers;
}

/** The admin of `withAdmin` as an Authorization header. */
export const ADMIN_AUTH = `Basic ${Buffer.from('admin:clear it').toString('base64')}`;
export const WITH_ADMIN = { PROOFSHEET_ADMIN_USER: 'admin', PROOFSHEET_ADMIN_PASSWORD: 'clear it' } as const;

const ANSWER_MS = 90_000;

/** One request and its whole answer. */
export async function ask(url: string, init: RequestInit = {}): Promise<Outcome> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS), ...init });
  const body = Buffer.from(await answer.arrayBuffer());
  const isError = answer.status >= 400 && answer.headers.get('content-type') === 'application/json';
  const code = isError ? (JSON.parse(body.toString()) as { readonly code: number }).code : 0;
  return { status: answer.status, code, body, headers: answer.headers };
}

/** `url` with operation and key, such as `cacheImage/key`. */
export function upload(url: string, source: Buffer): Promise<Outcome> {
  return ask(url, { method: 'POST', body: sourceForm(source) });
}

export function clear(url: string): Promise<Outcome> {
  return ask(url, { method: 'DELETE', headers: { Authorization: ADMIN_AUTH } });
}

/** The same picture as another source: bytes behind the end of a JPEG change nothing but its digest. */
export function another(jpeg: Buffer): Buffer {
  return Buffer.concat([jpeg, randomBytes(16)]);
}

/** Whether the answer is a preview whose bytes are those that its ETag names. */
export function isWhole({ status, body, headers }: Outcome): boolean {
  return status === 200 && headers.get('etag') === `"${createHash('sha256').update(body).digest('hex')}"`;
}

/** Status and code, as tests compare them. */
export function said({ status, code }: Outcome): string {
  return code === 0 ? String(status) : `${status}/${code}`;
}
