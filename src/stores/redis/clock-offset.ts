// How far apart the clocks of this machine and of a Redis server are. Nodes tell the ends of leases by their own.
import type { Clock } from '../../kernel/ports/clock.js';
import type { Link } from './link.js';

/** Whole ms that ours is ahead, as exactly as half of what the answer took; `undefined` when the server cannot be asked. */
export async function clockOffsetMs(
  link: Link,
  key: string,
  deadlineMs: number,
  clock: Clock,
): Promise<number | undefined> {
  const before = clock.now();
  const told = await link.send(key, ['TIME'], deadlineMs).catch(() => undefined);
  const [seconds, microseconds] = Array.isArray(told) ? told.map(Number) : [];
  if (seconds === undefined || microseconds === undefined) return undefined;
  return Math.round((before + clock.now()) / 2 - (seconds * 1_000 + microseconds / 1_000));
}
