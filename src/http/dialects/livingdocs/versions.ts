// The API versions of Livingdocs: a segment of every path. All that are supported behave alike, but for a name in lists.
import { ProofsheetError } from '../../../kernel/errors.js';
import { VersionGone } from './failures.js';

/** Releases come in odd months; `v1` and `beta` are the first of those that are supported. */
const FIRST = '2025-03';

/** The release date `YYYY-MM` that a version means. Throws `VersionGone`, and `unknown-operation` for what is no version. */
export function parseVersion(text: string): string {
  if (text === 'v1' || text === 'beta') return FIRST;
  if (!/^20\d\d-(?:01|03|05|07|09|11)$/.test(text))
    throw new ProofsheetError('unknown-operation', 'expected an API version such as v1, beta or 2025-03, got another');
  if (text < FIRST) throw new VersionGone();
  return text;
}

/** What a list of entries is called. */
export function listNameOf(version: string): 'mediaLibraryEntries' | 'results' {
  return version >= '2026-01' ? 'results' : 'mediaLibraryEntries';
}
