// Notes of contents that a context has let go of, so that what was made of them in the cache goes too: written in the commit that lets go,
// whatever becomes of the process behind it. One is a member of a sorted set, dated by when it is due.
import { type Digest, parseDigest } from '../../../kernel/digest.js';
import { type Context, parseContext } from '../../../kernel/image-key.js';
import type { LetGo } from '../../../kernel/ports/assets.js';

type Noted = Pick<LetGo, 'context' | 'digest' | 'isLast'>;

const DIGEST_CHARACTERS = 64;

/** `first` or `again`, the digest, and the context: to the end, since it may hold anything. */
export function letGoName({ context, digest, isLast }: Noted): string {
  return `${isLast ? 'again' : 'first'}:${digest}:${context}`;
}

/** `undefined` for what nobody of ours has written. */
export function parseLetGo(name: string): Noted | undefined {
  const [, turn, rest] = /^(first|again):(.*)$/su.exec(name) ?? [];
  const digest: Digest | undefined = parseDigest(rest?.slice(0, DIGEST_CHARACTERS) ?? '');
  if (rest === undefined || digest === undefined || rest[DIGEST_CHARACTERS] !== ':') return undefined;
  const context = parsedContext(rest.slice(DIGEST_CHARACTERS + 1));
  return context === undefined ? undefined : { context, digest, isLast: turn === 'again' };
}

/** `undefined` for a text that is no context. */
export function parsedContext(text: string): Context | undefined {
  try {
    return parseContext(text);
  } catch {
    // Whoever can write to the server can write anything: it is no context, and so it names nothing.
    return undefined;
  }
}
