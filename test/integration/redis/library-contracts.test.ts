// The contracts of the library's ports on one real server.
import { afterAll, beforeAll, describe } from 'vitest';
import { assetsContract } from '../../contracts/assets.contract.js';
import { deliveriesContract } from '../../contracts/deliveries.contract.js';
import { jobsContract } from '../../contracts/jobs.contract.js';
import { openRedisLibrarySubject } from '../../support/redis-library.js';
import { type RedisServers, startStandalone } from '../../support/redis-servers.js';

describe('the library on one Redis server', () => {
  let servers: RedisServers;
  beforeAll(async () => {
    servers = await startStandalone();
  });
  afterAll(() => servers.stop());

  assetsContract('the library on one Redis server', () => openRedisLibrarySubject(servers.url));
  deliveriesContract('the library on one Redis server', () => openRedisLibrarySubject(servers.url));
  jobsContract('the library on one Redis server', () => openRedisLibrarySubject(servers.url));
});
