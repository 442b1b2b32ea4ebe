// How Livingdocs tells a failure: `{status, error, error_details}`. Knows statuses by their names alone.
import { ProofsheetError } from '../../../kernel/errors.js';
import { type Failure, type RenderedFailure, statusName } from '../../replies/error-map.js';
import { httpDate } from '../../replies/http-date.js';

/** A body or a query with faults, each by the path of the value: `images.0.url`. */
export class ValidationFailure extends ProofsheetError {
  constructor(readonly faults: Readonly<Record<string, string>>) {
    super('invalid-request-format', Object.values(faults)[0] ?? 'expected another request');
  }
}

/** A version of the API that is no longer, or not yet, spoken. */
export class VersionGone extends ProofsheetError {
  constructor() {
    super(
      'unknown-operation',
      'expected an API version that is supported: v1, beta, or 2025-03 and later; got an older one',
    );
  }
}

/** A batch that does not fit what its tenant may have. */
export class QuotaFailure extends ProofsheetError {
  /** `fitsAt`: Unix ms when it would, if that is known. */
  constructor(
    message: string,
    readonly fitsAt: number | undefined,
  ) {
    super('over-quota', message);
  }
}

export function entryNotFound(id: string): ProofsheetError {
  return new ProofsheetError('unknown-image-key', `MediaLibrary Entry does not exist (id: '${id}')`);
}

const NAMES: Readonly<Partial<Record<string, string>>> = {
  'unknown-image-key': 'NotFound',
  'unknown-operation': 'NotFound',
  'protected-operation-disabled': 'Forbidden',
  internal: 'InternalError',
};

export function failureBody(failure: Failure): RenderedFailure {
  const { error, status: known, headers } = failure;
  if (error instanceof QuotaFailure) return quotaBody(error, failure);
  const status = error instanceof VersionGone ? 410 : known;
  const details =
    error instanceof ValidationFailure
      ? error.faults
      : { name: NAMES[error.code] ?? pascalCase(error.code), message: error.message };
  return {
    status,
    headers,
    body: JSON.stringify({ status, error: statusName(status), error_details: details }),
  };
}

/** The one failure that is an array in the documents; its text and its form are theirs to the byte. */
function quotaBody({ message, fitsAt }: QuotaFailure, { status, headers }: Failure): RenderedFailure {
  const body = [{ status, error: 'Usage Limit Exceeded', error_details: { message } }];
  return {
    status,
    headers: fitsAt === undefined ? headers : [['Retry-After', httpDate(fitsAt)]],
    body: JSON.stringify(body, null, 2),
  };
}

function pascalCase(code: string): string {
  return code.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
