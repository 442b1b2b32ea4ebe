// Who may use the protected operations: HTTP basic auth over express-basic-auth, compared in constant time, plain or hashed.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request, Response } from 'express';
import basicAuth from 'express-basic-auth';
import { ProofsheetError } from '../../kernel/errors.js';
import { isCrossSite } from './cross-site.js';
import { PasswordCheck } from './passwords.js';

/** A user name and a password, both UTF-8; the password not empty, in plain text or as `scrypt:N:r:p:salt:hash`. */
export interface Credential {
  readonly user: string;
  readonly password: string;
}

/** Told of every login that was tried and failed; throws to refuse further ones of this client. */
export interface LoginAttempts {
  /** Throws `over-quota` when this client failed too often. */
  check(request: Request): void;
  failed(request: Request): void;
}

/**
 * Throws `protected-operation-disabled`, `unauthorized` (with the challenge set on the response), `over-quota` or
 * `overloaded` unless admitted.
 */
export type Guard = (request: Request, response: Response) => Promise<void>;

interface Admin {
  readonly user: Buffer;
  readonly passwords: PasswordCheck;
}

/**
 * A guard that admits any of `admins`, so that a password can be replaced while the old one is still in use. An empty
 * password admits nobody, and with no admin left the operations are off. They are asked for at every request, so that they can be
 * replaced while the server runs; the same object is not read again. Throws `TypeError` for a malformed hash.
 */
export function createGuard(admins: () => readonly Credential[], attempts?: LoginAttempts): Guard {
  let credentials: readonly Credential[] | undefined;
  let known: readonly Admin[] = [];

  function knownNow(): readonly Admin[] {
    const now = admins();
    if (now !== credentials) known = adminsOf(now);
    credentials = now;
    return known;
  }

  async function admits(user: string, password: string): Promise<boolean> {
    const userDigest = sha256(user);
    let admitted = false;
    // Digests have one length, and every credential is looked at in both parts: time tells nothing about either.
    for (const admin of knownNow()) {
      const passwordFits = await admin.passwords.admits(password);
      admitted = (timingSafeEqual(admin.user, userDigest) && passwordFits) || admitted;
    }
    return admitted;
  }

  return async (request, response) => {
    if (knownNow().length === 0) {
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
    // A request without credentials tries nothing: it is told how to bring some, and is not counted.
    if (request.headers.authorization !== undefined) attempts?.check(request);
    await authenticated(request, response, admits, () => attempts?.failed(request));
  };
}

function authenticated(
  request: Request,
  response: Response,
  admits: (user: string, password: string) => Promise<boolean>,
  onFailed: () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const authenticate = basicAuth({
      challenge: true,
      // The library has no word for the charset; a realm is written between quotes as it is.
      realm: 'proofsheet", charset="UTF-8',
      authorizeAsync: true,
      authorizer(user: string, password: string, done: (error: null, admitted: boolean) => void) {
        admits(user, password)
          .then((admitted) => {
            if (!admitted) onFailed();
            // Throws what `unauthorizedResponse` throws, and the library writes no answer of its own.
            done(null, admitted);
          })
          .catch(reject);
      },
      // Called after the challenge was set: thrown, so that every failure is answered in one place.
      unauthorizedResponse: refuse,
    });
    try {
      authenticate(request, response, () => resolve());
    } catch (error) {
      reject(error);
    }
  });
}

function adminsOf(credentials: readonly Credential[]): readonly Admin[] {
  const byUser = new Map<string, string[]>();
  for (const { user, password } of credentials)
    if (password !== '') byUser.set(user, [...(byUser.get(user) ?? []), password]);
  return [...byUser].map(([user, passwords]) => ({ user: sha256(user), passwords: new PasswordCheck(passwords) }));
}

function refuse(): never {
  throw new ProofsheetError(
    'unauthorized',
    "expected the admin's user name and password by HTTP basic auth, got none or others",
  );
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
