// What an error of a connection means, in the words of imports. Pure: knows the codes of Node, c-ares and undici.
import type { ImportReason } from '../kernel/import-reasons.js';
import { AddressForbidden } from './connector.js';

/** One of our own deadlines has passed. */
export class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed';
}

export interface NetworkFault {
  readonly reason: Extract<ImportReason, 'address-forbidden' | 'source-timeout' | 'source-unavailable'>;
  /** For people: names no host, no address. */
  readonly message: string;
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

/** `undefined`: not of the network. */
export function networkFaultOf(error: unknown): NetworkFault | undefined {
  const errors = causesOf(error);
  if (errors.some((cause) => cause instanceof AddressForbidden))
    return { reason: 'address-forbidden', message: 'the address is blocked by policy' };
  const codes = errors.flatMap((cause) => ('code' in cause ? [String(cause.code)] : []));
  if (errors.some((cause) => cause instanceof DeadlinePassed) || codes.some((code) => TIMEOUTS.has(code)))
    return { reason: 'source-timeout', message: 'the host did not answer in time, or too slowly' };
  const told = (message: string): NetworkFault => ({ reason: 'source-unavailable', message });
  if (codes.some((code) => NAME_FAULTS.has(code))) return told('the name of the host was not found');
  if (codes.some((code) => /CERT|_TLS_|^ERR_SSL|SELF_SIGNED|UNABLE_TO_|^EPROTO$/.test(code)))
    return told('no secure connection could be made to the host');
  // undici's parser gives its errors a code of the parser's, or none.
  const isOfParser = errors.some(({ name }) => name === 'HTTPParserError');
  if (isOfParser || codes.some((code) => /^UND_ERR_|^HPE_|^E[A-Z]+$/.test(code)))
    return told('the connection to the host failed');
  return undefined;
}

/** The error, what it was caused by and what it sums up. */
function causesOf(error: unknown): readonly Error[] {
  if (!(error instanceof Error)) return [];
  const summed = error instanceof AggregateError ? error.errors : [];
  return [error, ...[error.cause, ...summed].flatMap(causesOf)];
}
