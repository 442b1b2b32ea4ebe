// What tests take for equal bytes: the same as vitest does, many times as fast.
import { expect, it } from 'vitest';

const MEGABYTE = 1_000_000;
const bytes = (last: number) => Buffer.concat([Buffer.alloc(MEGABYTE, 7), Buffer.from([last])]);

it('are all the same, also within other things', () => {
  expect(bytes(1)).toEqual(bytes(1));
  expect({ of: [bytes(1)] }).toStrictEqual({ of: [bytes(1)] });
  expect(Buffer.alloc(0)).toEqual(Buffer.alloc(0));
});

it.each([
  ['the last byte', bytes(1), bytes(2)],
  ['the length', bytes(1), bytes(1).subarray(1)],
  ['everything', bytes(1), Buffer.alloc(0)],
  ['the kind', bytes(1), [...bytes(1)].slice(0, 3)],
  ['there being any', bytes(1), undefined],
])('are not where %s differs', (_what, one, other) => {
  expect(one).not.toEqual(other);
  expect({ of: [one] }).not.toEqual({ of: [other] });
});

it('are not where their classes differ', () => {
  expect(Buffer.from([1, 2])).not.toEqual(Uint8Array.of(1, 2));
});

it('are compared a hundred times within a second', () => {
  const [one, other] = [bytes(1), bytes(1)];
  const began = process.cpuUsage();
  for (let times = 0; times < 100; times++) expect(one).toEqual(other);
  const { user, system } = process.cpuUsage(began);
  expect((user + system) / 1e6).toBeLessThan(1);
});
