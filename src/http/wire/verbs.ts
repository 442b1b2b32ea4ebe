// Which verbs a target takes: the answer to OPTIONS, and to a verb that it does not take. Knows no route.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProofsheetError } from '../../kernel/errors.js';
import { ERROR_TAKING_MS } from './error-response.js';
import { limitTaking } from './taking.js';

/** Answers a request with OPTIONS by `verbs`; false for any other, which is left as it is. */
export function answersOptions(request: IncomingMessage, response: ServerResponse, verbs: readonly string[]): boolean {
  if (request.method !== 'OPTIONS') return false;
  response.statusCode = 204;
  response.setHeader('Allow', allowed(verbs));
  response.end();
  limitTaking(response, 0, ERROR_TAKING_MS);
  return true;
}

/** Throws `verb-not-allowed`, with `Allow` set, for a verb that is not of `verbs`. `told`: its message, where not the usual one. */
export function checkVerb(
  request: IncomingMessage,
  response: ServerResponse,
  verbs: readonly string[],
  told = `expected ${verbs.join(' or ')}, got another verb`,
): void {
  if (verbs.includes(request.method ?? '')) return;
  response.setHeader('Allow', allowed(verbs));
  throw new ProofsheetError('verb-not-allowed', told);
}

function allowed(verbs: readonly string[]): string {
  return [...verbs, 'OPTIONS'].join(', ');
}
