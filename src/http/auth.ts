// Who may use the protected operations: HTTP basic auth over express-basic-auth, compared in constant time.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Request, Response } from 'express';
import basicAuth from 'express-basic-auth';
import { ProofsheetError } from '../kernel/errors.js';

/** A user name and a password in plain text; both UTF-8, the password not empty. */
export interface Credential {
  readonly user: string;
  readonly password: string;
}

/** Throws `protected-operation-disabled` or `unauthorized` (with the challenge set on the response) unless admitted. */
export type Guard = (request: Request, response: Response) => void;

/** A guard that admits any of `admins`; an empty password admits nobody, and with no admin left the operations are off. */
export function createGuard(admins: readonly Credential[]): Guard {
  const known = admins
    .filter((admin) => admin.password !== '')
    .map((admin) => ({
      user: sha256(admin.user),
      password: sha256(admin.password),
    }));

  const authenticate = basicAuth({
    challenge: true,
    // The library has no word for the charset; a realm is written between quotes as it is.
    realm: 'proofsheet", charset="UTF-8',
    authorizer(user: string, password: string) {
      const [userDigest, passwordDigest] = [sha256(user), sha256(password)];
      let admitted = false;
      // Digests have one length, and every credential is compared in both parts: time tells nothing about either.
      for (const admin of known) {
        const userFits = timingSafeEqual(admin.user, userDigest);
        const passwordFits = timingSafeEqual(admin.password, passwordDigest);
        admitted = (userFits && passwordFits) || admitted;
      }
      return admitted;
    },
    // Called after the challenge was set: thrown, so that every failure is answered in one place.
    unauthorizedResponse: refuse,
  });

  return (request, response) => {
    if (known.length === 0) {
      throw new ProofsheetError(
        'protected-operation-disabled',
        'this operation is off until an admin password is configured',
      );
    }
    if (isCrossSite(request)) {
      throw new ProofsheetError(
        'protected-operation-disabled',
        'this operation is off for requests that a browser sends on behalf of another site',
      );
    }
    // Node keeps the first of several; which one a proxy looked at nobody knows.
    if ((request.headersDistinct.authorization?.length ?? 0) > 1) delete request.headers.authorization;
    let passed = false;
    authenticate(request, response, () => {
      passed = true;
    });
    if (!passed) refuse();
  };
}

function refuse(): never {
  throw new ProofsheetError(
    'unauthorized',
    "expected the admin's user name and password by HTTP basic auth, got none or others",
  );
}

/**
 * Whether a browser sent this from a page of another origin: it would add stored credentials by itself. Clients that are
 * no browsers send neither header.
 */
function isCrossSite(request: IncomingMessage): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const origin = request.headers.origin;
  if (origin === undefined) return false;
  return URL.canParse(origin) ? new URL(origin).host !== request.headers.host : true;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
