// Sources that a request names by URL: what may be asked for, and what its failures are here. The fetching is a port's.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { ImportReason } from '../../../kernel/import-reasons.js';
import type { FetchFailure, SourceFetcher } from '../../../kernel/ports/source-fetcher.js';
import { hostRulesOf, isWithin, type SourcePlaces } from '../../../kernel/source-prefix.js';
import { parseSourceUrl } from '../../../kernel/source-url.js';
import type { Upload } from '../../../previews/answers.js';
import { queryValue } from '../../url-query.js';
import { wrong } from './parameters.js';

export interface RemoteSettings {
  readonly places: SourcePlaces;
  readonly permitsPort: (port: number) => boolean;
  /** Largest source in bytes. */
  readonly maxBytes: number;
  readonly fetcher: () => Pick<SourceFetcher, 'fetch'>;
}

/** A failure whose status is not that of its kind: the host's own, or one that clients of imaginary know. */
export class WithStatus extends ProofsheetError {
  constructor(
    readonly status: number,
    ...failure: ConstructorParameters<typeof ProofsheetError>
  ) {
    super(...failure);
  }
}

/** For whatever the host does, in ms; the fetcher's own limits come first. */
const LONGEST_MS = 600_000;
/** Of a host that is told on as it is. */
const [FIRST_STATUS, LAST_STATUS] = [400, 511];

/** The `url` of a query. Throws `invalid-request-format` for none, for what is no URL, and for a place that is not allowed. */
export function sourceUrlOf(target: string, { places, permitsPort }: RemoteSettings): string {
  const text = queryValue(target, 'url');
  if (text === undefined || text === '') throw wrong('expected url, the address of a picture, got none');
  const url = parseSourceUrl(text, permitsPort);
  if (typeof url === 'string') throw wrong(`expected url to be an http or https URL, got another: ${url}`);
  if (!isWithin(url, places)) throw wrong('expected url to be of a place that this server fetches from, got another');
  return url.href;
}

/** The picture, as a file. */
export async function fetched(url: string, { places, maxBytes, fetcher }: RemoteSettings): Promise<Upload> {
  const allowedHosts = hostRulesOf(places);
  const answer = await fetcher().fetch({
    url,
    maxBytes,
    signal: AbortSignal.timeout(LONGEST_MS),
    ...(allowedHosts && { allowedHosts }),
  });
  if (answer.kind === 'fetched') {
    const { path, digest, bytes } = answer.file;
    return { path, digest, bytes };
  }
  if (answer.kind === 'not-modified') throw new Error('expected a picture of a fetch without conditions');
  throw failureOf(answer);
}

const REASONS: Partial<Record<ImportReason, ConstructorParameters<typeof WithStatus>[1]>> = {
  'source-not-found': 'unknown-image-key',
  'address-forbidden': 'invalid-request-format',
  'scheme-forbidden': 'invalid-request-format',
  'source-too-large': 'source-too-large',
};

function failureOf({ reason, status, message, isBusy, retryAfterMs }: FetchFailure): ProofsheetError {
  if (isBusy) return new ProofsheetError('overloaded', message, { retryAfterSeconds: (retryAfterMs ?? 1_000) / 1_000 });
  const known = REASONS[reason];
  if (status !== undefined && status >= FIRST_STATUS && status <= LAST_STATUS)
    return new WithStatus(status, known ?? 'invalid-request-format', message);
  return known ? new ProofsheetError(known, message) : new WithStatus(503, 'overloaded', message);
}
