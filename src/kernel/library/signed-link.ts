// Links that open one thing for one verb until one moment, signed by the keys that URLs are signed with. Pure; what is signed is part of
// the contract. Each kind has a first line of its own, so that no signature of one is ever one of another, or of a signed URL.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { UrlKey } from '../credentials.js';

export const LINK_KINDS = ['upload', 'preview'] as const;
/** `upload`: PUT of the bytes of a slot. `preview`: GET of one rendition of one version. */
export type LinkKind = (typeof LINK_KINDS)[number];

const FIRST_LINES = {
  upload: 'proofsheet-upload-v1\nPUT',
  preview: 'proofsheet-preview-v1\nGET',
} as const satisfies Record<LinkKind, string>;

/** What a signature stands for. */
export interface LinkTarget {
  readonly kind: LinkKind;
  /** What is opened; each without a line end. */
  readonly parts: readonly string[];
  /** Unix time in seconds; from then on the link opens nothing. */
  readonly expires: number;
}

/** The query of a link. */
export interface LinkQuery {
  readonly expires: string;
  readonly kid: string;
  readonly signature: string;
}

export function signedLinkText({ kind, parts, expires }: LinkTarget): string {
  return [FIRST_LINES[kind], ...parts, String(expires)].join('\n');
}

/** base64url (RFC 4648, without padding) of the HMAC-SHA256 under the key's secret: 43 characters. */
function signatureOf(target: LinkTarget, key: UrlKey): string {
  return createHmac('sha256', key.secret).update(signedLinkText(target), 'utf8').digest('base64url');
}

/** `expires=...&kid=...&signature=...`. */
export function linkQuery(target: LinkTarget, key: UrlKey): string {
  return `expires=${target.expires}&kid=${key.id}&signature=${signatureOf(target, key)}`;
}

/** `expired` is told only of a link that was ours once. */
export function judgeLink(
  kind: LinkKind,
  parts: readonly string[],
  { expires: text, kid, signature }: LinkQuery,
  keys: readonly UrlKey[],
  nowMs: number,
): 'right' | 'wrong' | 'expired' {
  const key = keys.find(({ id }) => id === kid);
  if (key === undefined || !/^[0-9]{1,12}$/.test(text)) return 'wrong';
  const expires = Number(text);
  const right = Buffer.from(signatureOf({ kind, parts, expires }, key));
  const given = Buffer.from(signature);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return 'wrong';
  return nowMs >= expires * 1_000 ? 'expired' : 'right';
}
