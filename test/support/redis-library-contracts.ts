// The contracts of the library's ports on one kind of Redis servers; each kind is a test file of its own, so that they run side by side.
import { afterAll, beforeAll, describe } from 'vitest';
import { assetsContract } from '../contracts/assets.contract.js';
import { deliveriesContract } from '../contracts/deliveries.contract.js';
import { endpointsContract } from '../contracts/endpoints.contract.js';
import { foldersContract } from '../contracts/folders.contract.js';
import { grantsContract } from '../contracts/grants.contract.js';
import { jobsContract } from '../contracts/jobs.contract.js';
import { uploadsContract } from '../contracts/uploads.contract.js';
import { wholeLibraryContract } from '../contracts/whole-library.contract.js';
import { openRedisLibrarySubject } from './redis-library.js';
import type { RedisServers } from './redis-servers.js';

/** Tests of the servers that `start` starts once. */
export function redisLibraryContracts(name: string, start: () => Promise<RedisServers>): void {
  describe(name, () => {
    let servers: RedisServers;
    beforeAll(async () => {
      servers = await start();
    });
    afterAll(() => servers.stop());

    const open = () => openRedisLibrarySubject(servers.url);
    assetsContract(name, open);
    jobsContract(name, open);
    deliveriesContract(name, open);
    foldersContract(name, open);
    uploadsContract(name, open);
    endpointsContract(name, open);
    grantsContract(name, open);
    wholeLibraryContract(name, open);
  });
}
