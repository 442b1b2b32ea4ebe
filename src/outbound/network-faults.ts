// What an error of a connection means, in the words of imports. Pure: knows the codes of Node, c-ares and undici.
import type { ImportReason } from '../kernel/import-reasons.js';
import { AddressForbidden } from './connector.js';

/** One of our own deadlines has passed. */
export class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed';
}

/** Node's names for what OpenSSL says of a certificate (crypto_common.cc), where they do not tell it themselves. */
const CERTIFICATE_FAULTS = new Set([
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'HOSTNAME_MISMATCH',
  'OUT_OF_MEM',
  'UNSPECIFIED',
]);

export interface NetworkFault {
  readonly reason: Extract<ImportReason, 'address-forbidden' | 'source-timeout' | 'source-unavailable'>;
  /** For people: names no host, no address. */
  readonly message: string;
  /** `false`: no rule knows it, so it is worth a line in the log. */
  readonly isKnown: boolean;
}

const TIMEOUTS = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
  'ETIMEOUT',
]);

/** What of a name, by c-ares: all but timeouts. */
const NAME_FAULTS = new Set([
  'ENOTFOUND',
  'ENODATA',
  'ESERVFAIL',
  'EREFUSED',
  'EFORMERR',
  'EBADNAME',
  'EBADRESP',
  'ENOTIMP',
  'ECANCELLED',
]);

/** Of whatever a connection, a request or a body failed with; what no rule knows is `source-unavailable`, so that it ends some time. */
export function networkFaultOf(error: unknown): NetworkFault {
  const errors = causesOf(error);
  if (errors.some((cause) => cause instanceof AddressForbidden))
    return { reason: 'address-forbidden', message: 'the address is blocked by policy', isKnown: true };
  const codes = errors.flatMap((cause) => ('code' in cause ? [String(cause.code)] : []));
  if (errors.some((cause) => cause instanceof DeadlinePassed) || codes.some((code) => TIMEOUTS.has(code)))
    return { reason: 'source-timeout', message: 'the host did not answer in time, or too slowly', isKnown: true };
  const told = (message: string, isKnown = true): NetworkFault => ({ reason: 'source-unavailable', message, isKnown });
  if (codes.some((code) => NAME_FAULTS.has(code))) return told('the name of the host was not found');
  if (
    codes.some(
      (code) => CERTIFICATE_FAULTS.has(code) || /CERT|_TLS_|^ERR_SSL|SELF_SIGNED|UNABLE_TO_|^EPROTO$/.test(code),
    )
  )
    return told('no secure connection could be made to the host');
  // undici's parser gives its errors a code of the parser's, or none.
  const isOfParser = errors.some(({ name }) => name === 'HTTPParserError');
  const isKnown = isOfParser || codes.some((code) => /^UND_ERR_|^HPE_|^E[A-Z]+$/.test(code));
  return told('the connection to the host failed', isKnown);
}

/** The error, what it was caused by and what it sums up. */
function causesOf(error: unknown): readonly Error[] {
  if (!(error instanceof Error)) return [];
  const summed = error instanceof AggregateError ? error.errors : [];
  return [error, ...[error.cause, ...summed].flatMap(causesOf)];
}
