// The Insight port on Redis: the heaviest contexts by their sums, and the ends of the access times of all shards.
import type { GroupRef } from '../../kernel/image-key.js';
import type { ContextStanding, Insight } from '../../kernel/ports/insight.js';
import type { ContextLedger } from './context-ledger.js';
import { ALL_SHARDS, groupOfName } from './key-layout.js';
import { readMany, type Session } from './session.js';

export class RedisInsight implements Insight {
  constructor(
    private readonly session: Session,
    private readonly contexts: ContextLedger,
  ) {}

  heaviestContexts(by: 'bytes' | 'groups', limit: number): Promise<readonly ContextStanding[]> {
    return this.contexts.heaviestContexts(by, limit);
  }

  async latestUsed(limit: number): Promise<readonly GroupRef[]> {
    const { keys } = this.session;
    const replies = await readMany(
      this.session,
      ALL_SHARDS.map((shard) => {
        const key = keys.access(shard);
        return { key, args: ['ZREVRANGE', key, '0', String(limit - 1), 'WITHSCORES'] };
      }),
    );
    return (replies as (readonly [name: string, usedAt: number])[][])
      .flat()
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, limit)
      .flatMap(([name]) => groupOfName(name) ?? []);
  }
}
