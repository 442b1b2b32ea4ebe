// The state machine that decides when a node may answer from what it remembers.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Coherence, type CoherenceState } from '../../../src/stores/redis/coherence.js';
import { HEARD_WITHIN_MS, PING_EVERY_MS } from '../../../src/stores/redis/hearing.js';

const DOUBT_MS = 150;
const LONGEST_PROBE_PAUSE_MS = 250;

/** A server that answers pings or not, and what the machine did. */
function subject() {
  const server = {
    answers: true,
    readiness: 'all' as 'all' | 'some' | 'none',
    pings: 0,
    onPing: () => {},
    heard: 0,
    hear: () => Promise.resolve(),
  };
  /** Time that passes while nothing runs: no timer is told of it. */
  const stalled = { ms: 0 };
  const seen: (CoherenceState | 'forgot')[] = [];
  const coherence = new Coherence({
    doubtMs: DOUBT_MS,
    ping: async () => {
      server.pings++;
      server.onPing();
      if (!server.answers) throw new Error('away');
    },
    hear: () => {
      server.heard++;
      return server.hear();
    },
    clock: { now: () => Date.now() + stalled.ms, monotonic: () => Date.now() + stalled.ms },
    readiness: () => server.readiness,
    forgetAll: () => void seen.push('forgot'),
    onState: (state) => void seen.push(state),
  });
  return { server, stalled, seen, coherence };
}

describe('Coherence', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  async function tracked() {
    const made = subject();
    made.coherence.start();
    await vi.advanceTimersByTimeAsync(1);
    expect(made.coherence.state).toBe('tracked');
    made.seen.length = 0;
    return made;
  }

  function goAway(server: { answers: boolean; readiness: string }): void {
    server.answers = false;
    server.readiness = 'none';
  }

  it('is away until the server has answered, and forgets before it trusts', async () => {
    const { server, seen, coherence } = subject();
    goAway(server);
    coherence.start();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(coherence.state).toBe('away');
    server.answers = true;
    server.readiness = 'all';
    await vi.advanceTimersByTimeAsync(LONGEST_PROBE_PAUSE_MS);
    expect(seen).toEqual(['forgot', 'tracked']);
  });

  it('a connection that is lost and comes back: nothing is answered in between, everything is forgotten', async () => {
    const { seen, coherence } = await tracked();
    coherence.lost();
    expect(coherence.state).toBe('doubtful');
    let settled = false;
    void coherence.settled().then(() => {
      settled = true;
      expect(seen).toContain('forgot');
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(settled).toBe(false);
    await vi.advanceTimersByTimeAsync(DOUBT_MS);
    expect(settled).toBe(true);
    expect(seen).toEqual(['doubtful', 'forgot', 'tracked']);
  });

  it('a server that stays away is told as away after the time of doubt, and nothing is forgotten', async () => {
    const { server, seen, coherence } = await tracked();
    goAway(server);
    coherence.lost();
    await vi.advanceTimersByTimeAsync(DOUBT_MS - 1);
    expect(coherence.state).toBe('doubtful');
    await vi.advanceTimersByTimeAsync(1);
    expect(coherence.state).toBe('away');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(seen).toEqual(['doubtful', 'away']);
  });

  it('once it is away, further losses bring no further doubt', async () => {
    const { server, seen, coherence } = await tracked();
    goAway(server);
    coherence.lost();
    await vi.advanceTimersByTimeAsync(DOUBT_MS);
    for (let n = 0; n < 5; n++) {
      coherence.lost();
      expect(coherence.state).toBe('away');
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(seen).toEqual(['doubtful', 'away']);
  });

  it('the server is back: everything is forgotten before anything is trusted', async () => {
    const { server, seen, coherence } = await tracked();
    goAway(server);
    coherence.lost();
    await vi.advanceTimersByTimeAsync(10_000);
    server.answers = true;
    server.readiness = 'all';
    await vi.advanceTimersByTimeAsync(LONGEST_PROBE_PAUSE_MS);
    expect(seen).toEqual(['doubtful', 'away', 'forgot', 'tracked']);
  });

  it('one master of several is away: partial, then away, then partial, then tracked', async () => {
    const { server, seen, coherence } = await tracked();
    server.answers = false;
    server.readiness = 'some';
    coherence.lost();
    await vi.advanceTimersByTimeAsync(DOUBT_MS);
    expect(coherence.state).toBe('partial');
    server.readiness = 'none';
    await vi.advanceTimersByTimeAsync(LONGEST_PROBE_PAUSE_MS);
    expect(coherence.state).toBe('away');
    server.readiness = 'some';
    await vi.advanceTimersByTimeAsync(LONGEST_PROBE_PAUSE_MS);
    expect(coherence.state).toBe('partial');
    server.answers = true;
    server.readiness = 'all';
    await vi.advanceTimersByTimeAsync(LONGEST_PROBE_PAUSE_MS);
    expect(seen).toEqual(['doubtful', 'partial', 'away', 'partial', 'forgot', 'tracked']);
  });

  it('a loss while a ping is under way is not outshone by the answer to that ping', async () => {
    const { server, coherence } = await tracked();
    let losses = 3;
    server.onPing = () => {
      if (losses-- > 0) coherence.lost();
    };
    coherence.lost();
    const before = server.pings;
    await vi.advanceTimersByTimeAsync(11);
    expect(server.pings).toBe(before + 1);
    expect(coherence.state).toBe('doubtful');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(coherence.state).toBe('tracked');
  });

  it('closed, it asks no more and answers nobody waits', async () => {
    const { server, coherence } = await tracked();
    coherence.lost();
    const settled = coherence.settled();
    coherence.close();
    await settled;
    const before = server.pings;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.pings).toBe(before);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('while pings are answered it knows, however long that is', async () => {
    const { server, seen, coherence } = await tracked();
    for (let n = 0; n < 100; n++) {
      await vi.advanceTimersByTimeAsync(PING_EVERY_MS / 2);
      expect(coherence.knows).toBe(true);
    }
    expect(server.heard).toBeGreaterThanOrEqual(49);
    expect(seen).toEqual([]);
  });

  it('stalled for longer than it may not have heard: it asks once for all who wait, and forgets nothing', async () => {
    const { server, stalled, seen, coherence } = await tracked();
    await vi.advanceTimersByTimeAsync(PING_EVERY_MS);
    stalled.ms += HEARD_WITHIN_MS + 1;
    expect([coherence.knows, coherence.mayAnswerAlone]).toEqual([false, false]);
    const before = server.heard;
    await Promise.all([coherence.settled(), coherence.settled(), coherence.settled()]);
    expect(server.heard).toBe(before + 1);
    expect([coherence.knows, coherence.mayAnswerAlone]).toEqual([true, true]);
    expect(seen).toEqual([]);
  });

  it('a machine whose wall clock alone went on has not heard either', async () => {
    vi.setSystemTime(0);
    const { coherence } = await tracked();
    expect(coherence.knows).toBe(true);
    vi.setSystemTime(HEARD_WITHIN_MS + 2);
    expect(coherence.knows).toBe(false);
  });

  it('a ping that was sent before the stall and is answered after it tells of the time before', async () => {
    const { server, stalled, coherence } = await tracked();
    const answers: (() => void)[] = [];
    server.hear = () => new Promise((resolve) => answers.push(resolve));
    await vi.advanceTimersByTimeAsync(PING_EVERY_MS);
    expect(answers).toHaveLength(1);
    stalled.ms += HEARD_WITHIN_MS + 1;
    let settled = false;
    const settling = coherence.settled().then(() => {
      settled = true;
    });
    answers[0]?.();
    await vi.advanceTimersByTimeAsync(1);
    expect([settled, coherence.knows]).toEqual([false, false]);
    expect(answers).toHaveLength(2);
    answers[1]?.();
    await settling;
    expect(coherence.knows).toBe(true);
  });

  it('pings that are not answered are not repeated, and waited for once', async () => {
    const { server, coherence } = await tracked();
    server.hear = () => new Promise(() => {});
    await vi.advanceTimersByTimeAsync(60_000);
    const before = server.heard;
    expect(coherence.mayAnswerAlone).toBe(false);
    const settling = coherence.settled();
    await vi.advanceTimersByTimeAsync(50);
    await settling;
    for (let n = 0; n < 100; n++) {
      const again = coherence.settled();
      await vi.advanceTimersByTimeAsync(0);
      await again;
    }
    expect(server.heard).toBe(before);
    expect(coherence.mayAnswerAlone).toBe(false);
  });

  it('stalled while no server could be asked: whether that is still so is found out before anything is answered', async () => {
    const { server, stalled, seen, coherence } = await tracked();
    goAway(server);
    coherence.lost();
    await vi.advanceTimersByTimeAsync(10_000);
    expect([coherence.state, coherence.mayAnswerAlone]).toEqual(['away', true]);
    stalled.ms += 10_000;
    expect(coherence.mayAnswerAlone).toBe(false);
    server.answers = true;
    server.readiness = 'all';
    const settling = coherence.settled();
    expect(coherence.state).toBe('doubtful');
    await vi.advanceTimersByTimeAsync(DOUBT_MS);
    await settling;
    expect(seen).toEqual(['doubtful', 'away', 'doubtful', 'forgot', 'tracked']);
  });

  it('stalled while away, and a timer runs first: the same, and away again when nobody answers', async () => {
    const { server, stalled, seen, coherence } = await tracked();
    goAway(server);
    coherence.lost();
    await vi.advanceTimersByTimeAsync(10_000);
    stalled.ms += 10_000;
    await vi.advanceTimersByTimeAsync(LONGEST_PROBE_PAUSE_MS + DOUBT_MS);
    expect(seen).toEqual(['doubtful', 'away', 'doubtful', 'away']);
    expect(coherence.mayAnswerAlone).toBe(true);
  });
});
