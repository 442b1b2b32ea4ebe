import { describe, expect, it } from 'vitest';
import { SharedFlights } from '../../../src/outbound/shared-flights.js';
import { Gate } from '../../support/gate.js';

describe('shared flights', () => {
  const flights = () => {
    const disposed: string[] = [];
    return { disposed, flights: new SharedFlights<string>(async (result) => void disposed.push(result)) };
  };

  it('hand what they brought to the last who waits for it, and dispose of it otherwise', async () => {
    const { disposed, flights: shared } = flights();
    const landing = new Gate();
    landing.shut();
    const begin = async () => {
      await landing.pass();
      return 'it';
    };
    const [one, other] = [shared.join('a', begin), shared.join('a', begin)];
    expect(shared.size).toBe(1);
    landing.open();
    await Promise.all([one.result, other.result]);
    expect(one.takeOver()).toBe(false);
    one.leave();
    expect(other.takeOver()).toBe(true);
    other.leave();
    await shared.join('b', async () => 'another').result;
    expect(disposed).toEqual([]);
  });

  it('are not taken over while somebody may still join', async () => {
    const { disposed, flights: shared } = flights();
    const landing = new Gate();
    landing.shut();
    const one = shared.join('a', async () => {
      await landing.pass();
      return 'it';
    });
    expect(one.takeOver()).toBe(false);
    landing.open();
    await one.result;
    one.leave();
    await Promise.resolve();
    expect(disposed).toEqual(['it']);
  });
});
