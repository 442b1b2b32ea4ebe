// When each failure happens, in a line for people: what the documents of the API tell beside its status and its code.
import type { ErrorName } from '../../kernel/errors.js';
import type { ProtocolErrorName } from './error-map.js';

export const ERROR_MEANINGS = {
  'invalid-image-key': 'image key or context is malformed or longer than 256 characters',
  'invalid-request-format':
    'the request format does not parse, with `PROOFSHEET_STRICT_FORMATS=true` or `match=exact`; or it asks for a picture beyond the bounds',
  'missing-source-image': 'an empty body, a form without the part `sourceImage`, or a multipart body that is no form',
  'broken-upload': 'the multipart body is malformed, cut short, or has too many parts',
  'digest-mismatch': "the upload's bytes have another digest than it names",
  unauthorized: 'admin name or password, API token or URL signature missing, wrong or expired',
  'protected-operation-disabled':
    'a protected operation while no admin password is configured, or sent by a browser for another site; `match=exact` with a format that `PROOFSHEET_EXACT` does not permit',
  'blocked-content': 'the image was taken down, and a tombstone keeps it from coming back',
  'unknown-image-key': 'no such key in this context',
  'unknown-operation': 'no such operation',
  'verb-not-allowed': 'the operation does not answer to this verb; `Allow` lists those it does',
  'upload-too-slow': 'the upload paused too long or took too long',
  'source-too-large': 'more bytes than the limit',
  'source-limits-exceeded': 'more pixels than the limit',
  'source-type-refused': 'no image, or a type that is not enabled',
  'source-undecodable': 'an image that is truncated or damaged',
  'over-quota': 'over a rate or quota; `Retry-After` says when to come back',
  internal: 'a fault of ours, logged',
  'unsupported-request': 'a request of a standard that is valid, and is not implemented',
  overloaded: 'a queue is full, or the server is stopping; with `Retry-After`',
  'shared-tier-unreachable': 'the shared tier is away and the operation needs it; with `Retry-After`',
  'conversion-timeout': 'the conversion took longer than its limit',
  'storage-full': 'no space left to store',
} as const satisfies Record<ErrorName, string>;

export const PROTOCOL_ERROR_MEANINGS = {
  'malformed-request': 'not an HTTP/1.1 request, or a target with a fragment, user information or another scheme',
  'missing-host': 'no `Host` header, or several',
  'request-too-slow': 'the request did not arrive in time',
  'range-not-satisfiable': 'the range lies outside the preview',
  'unknown-host': 'a `Host` that `PROOFSHEET_ALLOWED_HOSTS` does not name, where it is set',
  'unknown-expectation': 'an `Expect` header other than `100-continue`',
  'header-too-large': 'request line and headers of 16 KiB or more',
  'too-many-headers': 'more than 200 header lines',
} as const satisfies Record<ProtocolErrorName, string>;
