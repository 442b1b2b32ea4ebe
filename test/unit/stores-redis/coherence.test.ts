// The state machine that decides when a node may answer from what it remembers.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Coherence, type CoherenceState } from '../../../src/stores/redis/coherence.js';

const DOUBT_MS = 150;
const LONGEST_PROBE_PAUSE_MS = 250;

/** A server that answers pings or not, and what the machine did. */
function subject() {
  const server = { answers: true, readiness: 'all' as 'all' | 'some' | 'none', pings: 0, onPing: () => {} };
  const seen: (CoherenceState | 'forgot')[] = [];
  const coherence = new Coherence({
    doubtMs: DOUBT_MS,
    ping: async () => {
      server.pings++;
      server.onPing();
      if (!server.answers) throw new Error('away');
    },
    readiness: () => server.readiness,
    forgetAll: () => void seen.push('forgot'),
    onState: (state) => void seen.push(state),
  });
  return { server, seen, coherence };
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
});
