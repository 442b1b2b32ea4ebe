// How the shared tier is addressed and spoken to: URLs, deadlines, the breaker, errors.
import { createClient } from '@redis/client';
import { describe, expect, it, vi } from 'vitest';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { parseRedisUrl } from '../../../src/kernel/redis-url.js';
import { Breaker } from '../../../src/stores/breaker.js';
import { connect } from '../../../src/stores/redis/connect.js';
import type { Connection } from '../../../src/stores/redis/connection.js';
import { DeadlineExceeded, withDeadline } from '../../../src/stores/redis/deadline.js';
import { asPortError } from '../../../src/stores/redis/failures.js';
import { Link, script } from '../../../src/stores/redis/link.js';
import { FakeClock } from '../../support/fake-clock.js';

describe('parseRedisUrl', () => {
  const plain = { tls: false, database: 0 };
  it.each([
    ['redis://localhost', { ...plain, kind: 'standalone', nodes: [{ host: 'localhost', port: 6379 }] }],
    [
      'redis://10.0.0.1:7000/3',
      { ...plain, kind: 'standalone', nodes: [{ host: '10.0.0.1', port: 7000 }], database: 3 },
    ],
    [
      'rediss://user:p%40ss@r.example:1',
      {
        kind: 'standalone',
        tls: true,
        database: 0,
        nodes: [{ host: 'r.example', port: 1 }],
        user: 'user',
        password: 'p@ss',
      },
    ],
    [
      'redis://:secret@[::1]:6380',
      { ...plain, kind: 'standalone', nodes: [{ host: '::1', port: 6380 }], password: 'secret' },
    ],
    [
      'redis+sentinel://a:1,b/main',
      {
        ...plain,
        kind: 'sentinel',
        nodes: [
          { host: 'a', port: 1 },
          { host: 'b', port: 26379 },
        ],
        masterName: 'main',
      },
    ],
    [
      'redis+cluster://a:1,b:2,c',
      {
        ...plain,
        kind: 'cluster',
        nodes: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
          { host: 'c', port: 6379 },
        ],
      },
    ],
    ['rediss+cluster://a', { kind: 'cluster', tls: true, database: 0, nodes: [{ host: 'a', port: 6379 }] }],
  ])('reads %s', (url, address) => {
    expect(parseRedisUrl(url)).toEqual(address);
  });

  it.each([
    'http://a',
    'redis://',
    'redis://a,b',
    'redis://a:0',
    'redis://a:70000',
    'redis://a/x',
    'redis+sentinel://a:1',
    'redis+cluster://a/main',
    'redis+other://a',
    'redis://a:b',
    'redis://user:secret@a b',
    'redis://user:secret%@a',
    'redis://secret%:a@a',
    'redis+sentinel://:secret@a/%',
  ])('refuses %s without repeating it', (url) => {
    expect(() => parseRedisUrl(url)).toThrow(RangeError);
    expect(() => parseRedisUrl(url)).not.toThrow(/secret/);
  });
});

describe('connect', () => {
  // The library makes one of some hundred commands wherever options differ from those of the client before: 30 ms of the processor.
  it.each(['redis://a', 'redis+sentinel://a:1/main', 'redis+cluster://a'])(
    'makes no class of its own for each client of %s',
    async (url) => {
      const of = (binary: boolean, connectTimeoutMs: number) =>
        connect({ address: parseRedisUrl(url), binary, connectTimeoutMs, onError: () => undefined });
      const made = [of(true, 1_000), of(false, 1_000), of(true, 2_000)];
      const classes = new Set(made.map(({ forKeyv }) => forKeyv.constructor));
      expect(classes.size).toBe(1);
      await Promise.all(made.map((connection) => connection.close()));
    },
  );
});

describe('withDeadline', () => {
  it('passes the outcome on, and waits no longer than it was told', async () => {
    expect(await withDeadline(1_000, Promise.resolve(7))).toBe(7);
    await expect(withDeadline(1_000, Promise.reject(new Error('no')))).rejects.toThrow('no');
    vi.useFakeTimers();
    try {
      const late = withDeadline(150, new Promise(() => {}));
      const rejected = expect(late).rejects.toBeInstanceOf(DeadlineExceeded);
      await vi.advanceTimersByTimeAsync(150);
      await rejected;
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('Breaker', () => {
  function subject() {
    const clock = new FakeClock();
    return { clock, breaker: new Breaker(clock, { failures: 3, openMs: 1_000 }) };
  }

  it('opens after failures in a row, and not after as many with a success between', () => {
    const { breaker } = subject();
    for (const outcome of ['failed', 'failed', 'succeeded', 'failed', 'failed'] as const) breaker[outcome]();
    expect(breaker.enter()).toBe(true);
    breaker.failed();
    expect(breaker.state).toBe('open');
    expect(breaker.enter()).toBe(false);
  });

  it('lets one trial through after its pause: it closes or opens again by that alone', () => {
    const { breaker, clock } = subject();
    for (let n = 0; n < 3; n++) breaker.failed();
    clock.advance(999);
    expect(breaker.enter()).toBe(false);
    clock.advance(1);
    expect(breaker.enter()).toBe(true);
    expect(breaker.enter()).toBe(false);
    breaker.failed();
    expect(breaker.state).toBe('open');
    clock.advance(1_000);
    expect(breaker.enter()).toBe(true);
    breaker.succeeded();
    expect(breaker.state).toBe('closed');
  });

  it('is not kept open by the late failures of old calls', () => {
    const { breaker, clock } = subject();
    for (let n = 0; n < 3; n++) breaker.failed();
    clock.advance(900);
    breaker.failed();
    clock.advance(100);
    expect(breaker.enter()).toBe(true);
  });
});

describe('asPortError', () => {
  it.each([
    ['LOADING Redis is loading the dataset in memory', 'shared-tier-unreachable'],
    ['READONLY You cannot write against a read only replica.', 'shared-tier-unreachable'],
    ['CLUSTERDOWN The cluster is down', 'shared-tier-unreachable'],
    ['BUSY Redis is busy running a script', 'shared-tier-unreachable'],
    ['NOAUTH Authentication required.', 'shared-tier-unreachable'],
    ['Socket closed unexpectedly', 'shared-tier-unreachable'],
    ['connect ECONNREFUSED 127.0.0.1:1', 'shared-tier-unreachable'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'storage-full'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'internal'],
    ['ERR unknown command', 'internal'],
  ])('%s is %s', (message, code) => {
    const error = asPortError(new Error(message));
    expect(error.code).toBe(code);
    expect(error.cause).toMatchObject({ message });
    expect(error.retryAfterSeconds).toBe(code === 'shared-tier-unreachable' ? 5 : undefined);
  });

  it('leaves an error of ours as it is', () => {
    const ours = new ProofsheetError('overloaded', 'x');
    expect(asPortError(ours)).toBe(ours);
  });
});

describe('Link', () => {
  function subject(send: Connection['send']) {
    const state = { readiness: 'all' as 'all' | 'none', sent: 0 };
    const connection: Connection = {
      open: async () => {},
      send: (key, args) => {
        state.sent++;
        return send(key, args);
      },
      pingAll: async () => {},
      readiness: () => state.readiness,
      forKeyv: createClient() as unknown as Connection['forKeyv'],
      close: async () => {},
    };
    const clock = new FakeClock();
    return { state, clock, link: new Link(connection, clock, { failures: 2, openMs: 1_000 }) };
  }

  it('fails at once, without a call, while the breaker is open or nothing is connected', async () => {
    const { link, state, clock } = subject(() => Promise.reject(new Error('Socket closed unexpectedly')));
    for (let n = 0; n < 5; n++)
      await expect(link.send('k', ['GET', 'k'], 100)).rejects.toMatchObject({ code: 'shared-tier-unreachable' });
    expect(state.sent).toBe(2);
    expect(link.isUp).toBe(false);
    clock.advance(1_000);
    await expect(link.send('k', ['GET', 'k'], 100)).rejects.toMatchObject({ code: 'shared-tier-unreachable' });
    expect(state.sent).toBe(3);
    link.cameBack();
    state.readiness = 'none';
    await expect(link.send('k', ['GET', 'k'], 100)).rejects.toMatchObject({ code: 'shared-tier-unreachable' });
    expect(state.sent).toBe(3);
  });

  it('a request that the server refuses does not open the breaker', async () => {
    const { link, state } = subject(() => Promise.reject(new Error('ERR syntax error')));
    for (let n = 0; n < 5; n++) await expect(link.send('k', ['X'], 100)).rejects.toMatchObject({ code: 'internal' });
    expect(state.sent).toBe(5);
    expect(link.isUp).toBe(true);
  });

  it('sends a script by its digest, and whole only to a server that does not know it', async () => {
    const known = new Set<string>();
    const { link, state } = subject(async (_key, [name, text]) => {
      if (name === 'EVAL') known.add('the script');
      else if (known.size === 0) throw new Error('NOSCRIPT No matching script.');
      return `${name} ${String(text).slice(0, 6)}`;
    });
    const one = script('return 1');
    // SHA-1 of "return 1", as `SCRIPT LOAD` tells it.
    expect(one.sha).toBe('e0e1f9fabfc9d4800c877a703b823ac0578ff8db');
    expect(await link.run(one, { keys: ['k'], args: [] }, 100)).toBe('EVAL return');
    expect(await link.run(one, { keys: ['k'], args: [] }, 100)).toBe('EVALSHA e0e1f9');
    expect(state.sent).toBe(3);
  });
});
