// The name that a client is to store an answer under (RFC 6266): as it is, and for those that read no other, in ASCII.
import { create } from 'content-disposition';
import { safeFileName } from '../../kernel/file-name.js';

/** `attachment` with that name; `fallback` where nothing is left of it that may be one. */
export function attachmentNamed(name: string, fallback: string): string {
  const safe = safeFileName(name);
  return create(safe === '' ? fallback : safe, { type: 'attachment' });
}
