// How Livingdocs tells a failure: `{status, error, error_details}`. Knows statuses by their names alone.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { Failure, RenderedFailure } from '../../replies/error-map.js';

const STATUS_NAMES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  410: 'Gone',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Entity',
  429: 'Usage Limit Exceeded',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  507: 'Insufficient Storage',
};

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

export function entryNotFound(id: string): ProofsheetError {
  return new ProofsheetError('unknown-image-key', `MediaLibrary Entry does not exist (id: '${id}')`);
}

const NAMES: Readonly<Partial<Record<string, string>>> = {
  'unknown-image-key': 'NotFound',
  'unknown-operation': 'NotFound',
  'protected-operation-disabled': 'Forbidden',
  internal: 'InternalError',
};

export function failureBody({ error, status: known, headers }: Failure): RenderedFailure {
  const status = error instanceof VersionGone ? 410 : known;
  const details =
    error instanceof ValidationFailure
      ? error.faults
      : { name: NAMES[error.code] ?? pascalCase(error.code), message: error.message };
  return {
    status,
    headers,
    body: JSON.stringify({ status, error: STATUS_NAMES[status] ?? 'Error', error_details: details }),
  };
}

function pascalCase(code: string): string {
  return code.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
