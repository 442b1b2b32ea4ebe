// The settings of takedowns: how receipts are signed, and how a CDN in front is told what to purge.
import { SURROGATE_HEADERS, type SurrogateHeader } from '../kernel/takedown/surrogate-keys.js';
import { choice, optional, parsedText, secretLines, text } from './kinds.js';
import { setting } from './setting.js';

/** The shortest key that is worth signing with. */
const MIN_SECRET = 16;
const MAX_SECRET = 256;

export const TAKEDOWN = {
  receiptKey: setting(
    'RECEIPT_KEY',
    optional(text('path of a PEM file')),
    'Private key of Ed25519 that receipts of takedowns are signed with (openssl genpkey -algorithm ed25519); unset signs none.',
  ),
  surrogateKeys: setting(
    'SURROGATE_KEYS',
    optional(choice(Object.keys(SURROGATE_HEADERS) as [SurrogateHeader, ...SurrogateHeader[]])),
    'Header that tells a CDN the surrogate keys (cache tags) of an answer; unset sends none.',
  ),
  hookUrl: setting(
    'PURGE_HOOK_URL',
    optional(parsedText('URL of http or https', httpUrl)),
    'Told by a webhook which surrogate keys to purge when something was taken down; dialled under the rules of fetch.',
    { secret: true },
  ),
  hookSecrets: setting(
    'PURGE_HOOK_SECRETS',
    optional(
      secretLines(
        `list (in the environment one a line) of 1 to 4 secrets of ${MIN_SECRET} to ${MAX_SECRET} characters`,
        4,
        secretOf,
      ),
    ),
    'Sign that webhook by Standard Webhooks, each of them, so that one can take another’s place; a line each.',
    { secret: true },
  ),
} as const;

function httpUrl(value: string): URL {
  const url = new URL(value);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error('expected http or https');
  return url;
}

function secretOf(value: string): string {
  if (value.length < MIN_SECRET || value.length > MAX_SECRET) throw new Error(`expected ${MIN_SECRET} characters`);
  return value;
}
