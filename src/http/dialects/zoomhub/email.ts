// The e-mail address of whoever gives ZoomHub something new.
import { ProofsheetError } from '../../../kernel/errors.js';
import { queryValue } from '../../url-query.js';

/** As much of an address as can be told without writing to it. */
const EMAIL = /^[^\s@<>"]{1,64}@[^\s@<>"]{1,190}$/;
/** What is no address is as good as none. */
export function emailIn(url: string): string | undefined {
  const given = queryValue(url, 'email') ?? '';
  return EMAIL.test(given) ? given : undefined;
}

export function missingEmail(where: string): ProofsheetError {
  const text = `Missing email. Please provide an email address as \`email=<address>\` ${where}.`;
  return new ProofsheetError('invalid-request-format', text);
}
