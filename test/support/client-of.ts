// The typed client of a server under test: for requests of its tests that it makes as any client does.
import { ProofsheetClient } from '../../src/client/index.js';
import type { TestServer } from './test-server.js';

/** With the admin's login, where the server says what that is. What is busy is asked again. */
export function clientOf({ url, adminAuth }: Pick<TestServer, 'url'> & Partial<TestServer>): ProofsheetClient {
  const [user = '', password = ''] = Buffer.from(adminAuth?.slice('Basic '.length) ?? '', 'base64')
    .toString()
    .split(/:(.*)/s);
  return new ProofsheetClient({ url, ...(adminAuth !== undefined && { admin: { user, password } }) });
}

/** Bytes as a client has them in a browser. */
export function blobOfBytes(bytes: Uint8Array): Blob {
  return new Blob([new Uint8Array(bytes)]);
}
