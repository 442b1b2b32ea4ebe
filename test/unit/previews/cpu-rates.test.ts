// What previews take of the processor: one mean for all processes of a store, kept over restarts, and written only where something was made.
import { expect, it } from 'vitest';
import { CpuRates, type Measured, RATES } from '../../../src/previews/reconcile/cpu-rates.js';
import { FakeClock } from '../../support/fake-clock.js';

function storeOf() {
  const notes = new Map<string, unknown>();
  let writes = 0;
  const clock = new FakeClock();
  return {
    clock,
    noted: () => notes.get(RATES),
    writes: () => writes,
    processOf(measured: () => Measured): CpuRates {
      return new CpuRates({
        clock,
        measured,
        notes: {
          read: async <Value>(name: string) => notes.get(name) as Value | undefined,
          write: async (name, value) => {
            writes++;
            notes.set(name, value);
          },
        },
      });
    },
  };
}

it('are the mean of what all processes have measured, also those that are gone', async () => {
  const { processOf } = storeOf();
  let first: Measured = { cpuSeconds: 0, previews: 0 };
  const rates = processOf(() => first);
  expect(await rates.secondsPerPreview()).toBeUndefined();
  first = { cpuSeconds: 6, previews: 10 };
  expect(await rates.secondsPerPreview()).toBeCloseTo(0.6);
  const another = processOf(() => ({ cpuSeconds: 2, previews: 10 }));
  expect(await another.secondsPerPreview()).toBeCloseTo(0.4);
  first = { cpuSeconds: 16, previews: 20 };
  await rates.tell();
  expect(await processOf(() => ({ cpuSeconds: 0, previews: 0 })).secondsPerPreview()).toBeCloseTo(0.6);
});

it('are noted once a minute at most, and not at all where nothing was made', async () => {
  const { clock, processOf, writes } = storeOf();
  let measured: Measured = { cpuSeconds: 0, previews: 0 };
  const rates = processOf(() => measured);
  for (let second = 0; second < 300; second += 10) {
    await rates.tellSometimes();
    clock.advance(10_000);
  }
  expect(writes()).toBe(0);
  for (let second = 0; second < 300; second += 10) {
    measured = { cpuSeconds: measured.cpuSeconds + 1, previews: measured.previews + 1 };
    await rates.tellSometimes();
    clock.advance(10_000);
  }
  expect(writes()).toBe(5);
});

it('forget what was measured long ago', async () => {
  const { noted, processOf } = storeOf();
  let measured: Measured = { cpuSeconds: 30_000, previews: 30_000 };
  const rates = processOf(() => measured);
  await rates.tell();
  expect(noted()).toEqual({ cpuSeconds: 15_000, previews: 15_000 });
  measured = { cpuSeconds: 30_000 + 150, previews: 30_000 + 15_000 };
  expect(await rates.secondsPerPreview()).toBeCloseTo(15_150 / 30_000);
});
