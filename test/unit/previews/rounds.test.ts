// One round at a time, whoever asks; a failed one is told and followed by others; after the end there is none.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Rounds } from '../../../src/previews/rounds.js';
import { Gate } from '../../support/gate.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function roundsOf(work: () => Promise<void>) {
  const failures: unknown[] = [];
  const rounds = new Rounds({ intervalMs: 1_000, work, onFailure: (error) => failures.push(error) });
  return { rounds, failures };
}

it('begins with a round, and makes one in every interval', async () => {
  const work = vi.fn(async () => {});
  const { rounds } = roundsOf(work);
  rounds.start();
  expect(work).toHaveBeenCalledTimes(1);
  await rounds.now();
  for (const count of [2, 3, 4]) {
    vi.advanceTimersByTime(1_000);
    await rounds.now();
    expect(work).toHaveBeenCalledTimes(count);
  }
  await rounds.close();
});

it('who asks while one runs gets that one; who asks later gets another', async () => {
  const gate = new Gate();
  gate.shut();
  const work = vi.fn(() => gate.pass());
  const { rounds } = roundsOf(work);
  const [first, second] = [rounds.now(), rounds.now()];
  vi.advanceTimersByTime(5_000);
  expect(work).toHaveBeenCalledTimes(1);
  gate.open();
  await Promise.all([first, second]);
  await rounds.now();
  expect(work).toHaveBeenCalledTimes(2);
});

it('a round that fails is told, rejects nobody, and is followed by the next', async () => {
  const fault = new Error('no luck');
  let fails = true;
  const { rounds, failures } = roundsOf(async () => {
    if (fails) throw fault;
  });
  await rounds.now();
  expect(failures).toEqual([fault]);
  fails = false;
  await rounds.now();
  expect(failures).toHaveLength(1);
});

it('closing waits for the round that runs, which is told, and no other begins by itself', async () => {
  const gate = new Gate();
  gate.shut();
  const work = vi.fn(() => gate.pass());
  const { rounds } = roundsOf(work);
  rounds.start();
  let closed = false;
  const closing = rounds.close().then(() => {
    closed = true;
  });
  expect([rounds.isClosed, closed]).toEqual([true, false]);
  gate.open();
  await closing;
  vi.advanceTimersByTime(10_000);
  expect(work).toHaveBeenCalledTimes(1);
});
