// The contracts of the library's ports on one real server.
import { redisLibraryContracts } from '../../support/redis-library-contracts.js';
import { startStandalone } from '../../support/redis-servers.js';

redisLibraryContracts('the library on one Redis server', startStandalone);
