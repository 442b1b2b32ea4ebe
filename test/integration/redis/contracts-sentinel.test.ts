// The contracts on a Redis Sentinel set.
import { redisContracts } from '../../support/redis-contracts.js';
import { startSentinelSet } from '../../support/redis-servers.js';

redisContracts('a Redis Sentinel set', startSentinelSet);
