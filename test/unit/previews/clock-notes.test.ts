// What processes that share a store know of each other's clocks: how far back one has stood is known to whoever evicts by age.
import { expect, it } from 'vitest';
import type { WorkNotes } from '../../../src/kernel/ports/work-notes.js';
import { WatchedClock } from '../../../src/kernel/watched-clock.js';
import { ClockNotes } from '../../../src/previews/clock-notes.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeLogger } from '../../support/fake-logger.js';

const HOUR_MS = 3_600_000;

class Notes implements WorkNotes {
  readonly kept = new Map<string, string>();
  isDown = false;

  async read(name: string): Promise<unknown> {
    if (this.isDown) throw new Error('down');
    const text = this.kept.get(name);
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  }

  async write(name: string, value: unknown): Promise<void> {
    if (this.isDown) throw new Error('down');
    this.kept.set(name, JSON.stringify(value));
  }
}

/** A process that has run for `upMs` of the machine's time when it begins to watch the clock. */
function processOn(machine: string, machineClock: FakeClock, notes: WorkNotes) {
  const startedAt = machineClock.monotonic();
  const clock = new WatchedClock({
    now: () => machineClock.now(),
    monotonic: () => machineClock.monotonic() - startedAt,
  });
  const logger = new FakeLogger();
  const machineTimeMs = () => machineClock.monotonic();
  return { clock, logger, notes: new ClockNotes({ clock, notes, logger, machine, machineTimeMs }) };
}

/** How much younger the process takes things to be than by the wall clock, in hours. */
const lenience = (clock: WatchedClock) => (clock.now() - clock.agesCountFrom()) / HOUR_MS;

it('a clock is watched whenever somebody asks for the time', () => {
  const machine = new FakeClock();
  const clock = new WatchedClock(machine);
  expect(lenience(clock)).toBe(0);
  machine.jump(-10 * HOUR_MS);
  clock.now();
  expect(lenience(clock)).toBe(0);
  machine.jump(10 * HOUR_MS);
  expect(lenience(clock)).toBe(10);
  machine.jump(50 * HOUR_MS);
  expect(lenience(clock)).toBe(24);
  machine.advance(100 * HOUR_MS);
  expect(lenience(clock)).toBe(24);
  machine.jump(-50 * HOUR_MS);
  expect(lenience(clock)).toBe(10);
});

it('another process of the machine knows how far back the clock has stood, though it has not looked meanwhile', async () => {
  const [machine, notes] = [new FakeClock(), new Notes()];
  const evicting = processOn('a', machine, notes);
  machine.advance(HOUR_MS);
  const storing = processOn('a', machine, notes);
  machine.jump(-10 * HOUR_MS);
  storing.clock.now();
  machine.jump(10 * HOUR_MS);
  await storing.notes.look();
  await evicting.notes.look();
  expect(lenience(evicting.clock)).toBe(10);
  // One that began while all was right again, too.
  machine.advance(HOUR_MS);
  const later = processOn('a', machine, notes);
  await later.notes.look();
  expect(lenience(later.clock)).toBe(10);
});

it('nothing is told of a clock that nobody sets, and a step is told once', async () => {
  const [machine, notes] = [new FakeClock(), new Notes()];
  const { clock, logger, notes: own } = processOn('a', machine, notes);
  machine.advance(HOUR_MS);
  clock.now();
  await own.look();
  expect(notes.kept.size).toBe(0);
  machine.jump(HOUR_MS);
  clock.now();
  for (let looks = 0; looks < 3; looks++) await own.look();
  expect(logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
});

it('a node of another machine gives as much as that one has stepped; each counts by itself', async () => {
  const [here, there, notes] = [new FakeClock(), new FakeClock(Date.UTC(2026, 0, 1, 0, 0, 3)), new Notes()];
  const evicting = processOn('a', here, notes);
  const storing = processOn('b', there, notes);
  there.jump(-10 * HOUR_MS);
  storing.clock.now();
  await storing.notes.look();
  await evicting.notes.look();
  expect(lenience(evicting.clock)).toBe(10);
  here.jump(-3 * HOUR_MS);
  evicting.clock.now();
  here.jump(3 * HOUR_MS);
  await evicting.notes.look();
  expect(lenience(evicting.clock)).toBe(10);
  await storing.notes.look();
  // By its own clock nothing is older than it was dated; the other may have dated three hours too early.
  expect(lenience(storing.clock)).toBe(3);
});

it('what could not be noted is noted later, and what others wrote is no error', async () => {
  const [machine, notes] = [new FakeClock(), new Notes()];
  const storing = processOn('a', machine, notes);
  const evicting = processOn('a', machine, notes);
  notes.isDown = true;
  machine.jump(-10 * HOUR_MS);
  storing.clock.now();
  machine.jump(10 * HOUR_MS);
  await storing.notes.look();
  notes.isDown = false;
  await notes.write('clocks', { some: 'thing else' });
  await evicting.notes.look();
  await storing.notes.look();
  await evicting.notes.look();
  expect(lenience(evicting.clock)).toBe(10);
});

it('a step is forgotten after forty days, by whoever has not seen it', async () => {
  const [machine, notes] = [new FakeClock(), new Notes()];
  const storing = processOn('a', machine, notes);
  machine.jump(10 * HOUR_MS);
  storing.clock.now();
  await storing.notes.look();
  machine.advance(41 * 24 * HOUR_MS);
  const later = processOn('a', machine, notes);
  await later.notes.look();
  expect(lenience(later.clock)).toBe(0);
});
