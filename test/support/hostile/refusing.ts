// What tests of source types ask of a converter: how a source is refused, what each cut of it gives, and that it has harmed nobody.
import { expect } from 'vitest';
import type { Converting } from '../converting.js';

/** Code and words with which a source is refused; `shown` where it is not. */
export function refusalOf(
  converting: Converting,
  source: Buffer,
): Promise<{ readonly code: string; readonly message: string }> {
  return converting.convert(source, ['auto:64x64']).then(
    () => ({ code: 'shown', message: '' }),
    ({ code, message }: { readonly code: string; readonly message: string }) => ({ code, message }),
  );
}

/** Each cut of `whole` at 1/64 of its length gives one of these. */
export async function expectCuts(converting: Converting, whole: Buffer, allowed: readonly string[]): Promise<void> {
  for (let part = 1; part < 64; part++) {
    const { code } = await refusalOf(converting, whole.subarray(0, Math.floor((whole.length * part) / 64)));
    expect([part, allowed.includes(code), code]).toEqual([part, true, code]);
  }
}

/** No source has ended a converter, but by being as many as one converts. */
export async function closeUnharmed(converting: Converting): Promise<void> {
  for (const reason of ['crash', 'nonsense', 'timeout', 'memory'])
    expect(converting.metrics.total('converter_exits_total', { reason })).toBe(0);
  await converting.close();
}
