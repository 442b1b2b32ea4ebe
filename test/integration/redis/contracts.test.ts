// The contracts on one real server.
import { createClient } from '@redis/client';
import { afterAll, beforeAll, describe } from 'vitest';
import { KeyLayout } from '../../../src/stores/redis/key-layout.js';
import { damagedBlobContract } from '../../contracts/blob-store.contract.js';
import { derivativesContract } from '../../contracts/derivatives.contract.js';
import { redisContracts } from '../../support/redis-contracts.js';
import { type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { newPrefix, openTestStore, realClock } from '../../support/redis-store.js';
import { tempDir } from '../../support/temp-dir.js';

redisContracts('one Redis server', startStandalone);

describe('blobs on one Redis server', () => {
  let servers: RedisServers;
  beforeAll(async () => {
    servers = await startStandalone();
  });
  afterAll(() => servers.stop());

  damagedBlobContract('one Redis server', async () => {
    const prefix = newPrefix();
    const keys = new KeyLayout(prefix);
    const store = await openTestStore(servers.url, prefix);
    const client = createClient({ url: servers.url });
    client.on('error', () => undefined);
    await client.connect();
    return {
      subject: {
        blobs: store.blobs,
        flipBit: async (digest) => {
          const bit = Number(await client.getBit(keys.blob(digest), 77));
          await client.setBit(keys.blob(digest), 77, bit === 1 ? 0 : 1);
        },
        truncate: async (digest) => {
          const key = keys.blob(digest);
          const length = await client.strLen(key);
          await client.eval("redis.call('SET', KEYS[1], redis.call('GETRANGE', KEYS[1], 0, ARGV[1]))", {
            keys: [key],
            arguments: [String(length - 2)],
          });
        },
      },
      close: async () => {
        client.destroy();
        await store.close();
      },
    };
  });

  derivativesContract('one Redis server', async () => {
    const prefix = newPrefix();
    const keys = new KeyLayout(prefix);
    let ahead = 0;
    const clock = { now: () => realClock.now() + ahead, monotonic: () => realClock.monotonic() + ahead };
    const [store, peer] = await Promise.all([1, 2].map(() => openTestStore(servers.url, prefix, { clock })));
    if (store === undefined || peer === undefined) throw new Error('expected two clients');
    const dir = await tempDir();
    const client = createClient({ url: servers.url });
    client.on('error', () => undefined);
    await client.connect();
    return {
      subject: {
        derivatives: store.derivatives,
        peer: peer.derivatives,
        dir: dir.path,
        advance: async (ms) => {
          ahead += ms;
        },
        damage: async (digest) => {
          await client.set(keys.blob(digest), 'damage');
        },
      },
      close: async () => {
        client.destroy();
        await Promise.all([store.close(), peer.close()]);
        await dir.remove();
      },
    };
  });
});
