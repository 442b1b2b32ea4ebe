// The contracts of the library's ports on a Cluster: its records on one master, the bytes of originals on all.
import { redisLibraryContracts } from '../../support/redis-library-contracts.js';
import { startCluster } from '../../support/redis-servers.js';

redisLibraryContracts('the library on a Redis Cluster', startCluster);
