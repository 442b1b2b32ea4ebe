// The examples of an OpenAPI document, sent as a client would send them that has read nothing but the document.
import { createHash } from 'node:crypto';
import type { OpenApiDocument, Operation } from '../../src/http/openapi/openapi-types.js';
import { sourceForm } from './multipart.js';
import type { CheckedAnswer } from './openapi-check.js';
import { jpegOf } from './test-images.js';

export interface Example {
  readonly verb: string;
  /** As the document has it. */
  readonly path: string;
  readonly operation: Operation;
}

/** What reads comes before what clears. */
export function examplesOf(document: OpenApiDocument): readonly Example[] {
  const all = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([verb, operation]) => ({ verb: verb.toUpperCase(), path, operation })),
  );
  const isClearing = ({ path, verb }: Example) => path.includes('/clear') || verb === 'DELETE';
  return [...all.filter((each) => !isClearing(each)), ...all.filter(isClearing)];
}

/** `credentials`: headers by the name of a security scheme; a redirect is not followed. */
export async function sendExample(
  origin: string,
  { verb, path, operation }: Example,
  credentials: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Promise<Response> {
  const parameters = (operation.parameters ?? []) as readonly { name: string; in: string; example: string | number }[];
  const { body, type, digest } = await bodyOf(operation);
  const query = new URLSearchParams();
  const headers = new Headers();
  let target = path;
  for (const { name, in: place, example } of parameters)
    if (place === 'path') target = target.replace(`{${name}}`, encodeURIComponent(example));
    else if (place === 'query') query.set(name, String(example));
    // Its example is that of another body.
    else headers.set(name, name === 'Content-Digest' && digest !== undefined ? digest : String(example));
  const scheme = operation.security.flatMap((all) => Object.keys(all)).find((name) => Object.hasOwn(credentials, name));
  if (type !== undefined) headers.set('Content-Type', type);
  for (const [name, value] of Object.entries(credentials[scheme ?? ''] ?? {})) headers.set(name, value);
  return fetch(`${origin}${target}?${query}`, {
    method: verb,
    redirect: 'manual',
    headers,
    ...(body !== undefined && { body }),
  });
}

/** What the operation takes, by the type that it takes it as; a form's boundary is for `fetch` to say. */
async function bodyOf({ operationId, requestBody }: Operation): Promise<SentBody> {
  if (requestBody === undefined) return {};
  const content = requestBody.content as Readonly<Record<string, FormContent>>;
  const form = content['multipart/form-data'];
  if (form !== undefined) {
    const [part] = Object.keys(form.schema?.properties ?? {});
    const jpeg = await jpegOf(320, 240);
    return { body: sourceForm(jpeg, 'photo.jpg', part), digest: contentDigestOf(jpeg) };
  }
  const raw = 'application/octet-stream';
  if (content[raw] !== undefined) {
    const jpeg = await jpegOf(320, 240);
    return { body: new Uint8Array(jpeg), type: raw, digest: contentDigestOf(jpeg) };
  }
  const type = 'application/json';
  const example = content[type]?.example;
  if (example === undefined) throw new Error(`expected an example of what ${operationId} takes`);
  return { body: JSON.stringify(example), type };
}

interface SentBody {
  readonly body?: FormData | string | Uint8Array<ArrayBuffer>;
  readonly type?: string;
  /** Of a source. */
  readonly digest?: string;
}

function contentDigestOf(source: Uint8Array): string {
  return `sha-256=:${createHash('sha256').update(source).digest('base64')}:`;
}

interface FormContent {
  readonly example?: unknown;
  readonly schema?: { readonly properties?: object };
}

/** As it is held against the document; reads the body where that is JSON. */
export async function checkedAnswerOf(verb: string, answer: Response): Promise<CheckedAnswer> {
  const isJson = answer.headers.get('content-type') === 'application/json' && verb !== 'HEAD';
  const text = isJson ? await answer.text() : undefined;
  if (!isJson) await answer.body?.cancel().catch(() => undefined);
  const { status, headers } = answer;
  return { verb, path: new URL(answer.url).pathname, status, headers, ...(text !== undefined && { text }) };
}
