// A composed server in whose place others listen, as where it waited for its data directory: their ports are its own, and they take
// nobody any more before what serves is closed.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { compose } from '../../src/compose.js';
import { loadConfig } from '../../src/config/load-config.js';
import { inject } from '../../src/door.js';
import { ALONE } from '../../src/role.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { tempDir } from '../support/temp-dir.js';

it('stops taking connections before its store is closed', async () => {
  const dir = await tempDir();
  const environment = { PROOFSHEET_DATA_DIR: dir.path, PROOFSHEET_CONVERTERS: '1' };
  const front = createServer({ pauseOnConnect: true }, (socket) => inject(app.server, socket));
  const fronts = { http: front, tls: undefined, health: undefined, imaginary: undefined };
  const app = await compose(loadConfig({ environment }), createLogger({ level: 'silent' }), { ...ALONE, fronts });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  const { port } = front.address() as AddressInfo;
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  // One that says nothing yet is no reason to wait.
  const silent = connect(port, '127.0.0.1');
  silent.on('error', () => undefined);
  await once(silent, 'connect');
  const gone = once(front, 'close');
  await app.close(1_000);
  await gone;
  expect(front.listening).toBe(false);
  silent.destroy();
  await dir.remove();
});
