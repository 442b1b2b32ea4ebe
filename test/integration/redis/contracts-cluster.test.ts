// The contracts on a Redis Cluster.
import { redisContracts } from '../../support/redis-contracts.js';
import { startCluster } from '../../support/redis-servers.js';

redisContracts('a Redis Cluster', startCluster);
