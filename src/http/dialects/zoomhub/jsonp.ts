// JSONP as ZoomHub answers it: always 200, and a call of the client's function with the status, and what was asked for or the failure.
import { ProofsheetError } from '../../../kernel/errors.js';
import { failureOf, statusName } from '../../replies/error-map.js';
import type { JsonReply, Reply } from '../../replies/reply.js';
import { queryValue } from '../../url-query.js';

const MAX_CALLBACK_CHARACTERS = 100;
const CALLBACK = /^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*$/;

export const JSON_TYPE = 'application/json;charset=utf-8';
export const SCRIPT_TYPE = 'application/javascript;charset=utf-8';

/** What a request comes to, in either form. */
export interface Outcome {
  readonly status: 200 | 301;
  /** Its name in the response object, and its value. */
  readonly body: Readonly<Record<'content', object> | Record<'dzi', object | null>>;
  /** Absolute; of 301. */
  readonly location?: string;
}

/** The function to be called; `undefined` where the plain form is asked for. Throws `invalid-request-format`. */
export function callbackOf(url: string): string | undefined {
  const name = queryValue(url, 'callback');
  if (name === undefined) return undefined;
  if (name.length <= MAX_CALLBACK_CHARACTERS && CALLBACK.test(name)) return name;
  throw new ProofsheetError(
    'invalid-request-format',
    `expected a callback of 1 to ${MAX_CALLBACK_CHARACTERS} letters, digits, _, $ and dots, got another`,
  );
}

/** The outcome of `work`, or its failure, as the client asked for it. */
export async function answered(callback: string | undefined, work: () => Promise<Outcome>): Promise<Reply> {
  if (callback === undefined) return plain(await work());
  try {
    const { status, body, location = null } = await work();
    return called(callback, { ...body, redirectLocation: location, status, statusText: statusName(status) });
  } catch (error) {
    // What nobody foresaw is told, counted and logged as everywhere.
    if (!(error instanceof ProofsheetError) || error.code === 'internal') throw error;
    const { status } = failureOf(error);
    const { message, retryAfterSeconds } = error;
    return called(callback, {
      error: message,
      redirectLocation: null,
      ...(retryAfterSeconds !== undefined && { retryAfter: retryAfterSeconds }),
      status,
      statusText: statusName(status),
    });
  }
}

function plain({ body, location }: Outcome): Reply {
  const value = 'content' in body ? body.content : body.dzi;
  if (location !== undefined) return { kind: 'redirect', status: 301, location, text: JSON.stringify(value) };
  return { kind: 'json', text: JSON.stringify(value), headers: [['Content-Type', JSON_TYPE]] };
}

/** The comment keeps the answer from being read as another file (Rosetta Flash). */
function called(callback: string, response: object): JsonReply {
  const text = `/**/ typeof ${callback} === "function" && ${callback}(${scriptJson(response)});`;
  return { kind: 'json', text, headers: [['Content-Type', SCRIPT_TYPE]] };
}

/** JSON that is a part of a script: two characters end lines there, and did not always end none in texts. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\u2028\u2029]/g, (end) => `\\u${end.charCodeAt(0).toString(16)}`);
}
