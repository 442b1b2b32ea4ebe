// One Redis server for all tests of a file, with a client of its own that looks at, or spoils, what a store has written there.
import { createClient } from '@redis/client';
import { afterAll, beforeAll } from 'vitest';
import { type RedisServer, type RedisServers, startStandalone } from './redis-servers.js';

export interface RedisOfFile {
  /** Both from the first test on. */
  readonly servers: RedisServers & { readonly server: RedisServer };
  readonly client: ReturnType<typeof clientOf>;
}

function clientOf(url: string) {
  const client = createClient({ url });
  client.on('error', () => undefined);
  return client;
}

/** To be called where hooks may be: what it starts is ended after the last test there. */
export function redisOfFile(): RedisOfFile {
  const started: { now?: RedisOfFile } = {};
  const now = (): RedisOfFile => {
    if (started.now === undefined) throw new Error('expected to be asked by a test, or by a hook before one');
    return started.now;
  };
  beforeAll(async () => {
    const servers = await startStandalone();
    const client = clientOf(servers.url);
    started.now = { servers, client };
    await client.connect();
  });
  afterAll(async () => {
    started.now?.client.destroy();
    await started.now?.servers.stop();
  });
  return {
    get servers() {
      return now().servers;
    },
    get client() {
      return now().client;
    },
  };
}
