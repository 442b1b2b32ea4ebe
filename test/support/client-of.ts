// The typed client of a server under test: for requests of its tests that it makes as any client does.
import { ProofsheetClient } from '../../src/client/index.js';
import type { TestServer } from './test-server.js';

export function clientOf({ url }: Pick<TestServer, 'url'>): ProofsheetClient {
  return new ProofsheetClient({ url });
}

/** Bytes as a client has them in a browser. */
export function blobOfBytes(bytes: Uint8Array): Blob {
  return new Blob([new Uint8Array(bytes)]);
}
