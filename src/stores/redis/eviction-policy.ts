// What a Redis server takes away when it is full (maxmemory-policy), and what of it the library can live with.
import type { Link } from './link.js';

/** `undefined` when the server cannot be asked now, or does not want to be asked that. */
export async function evictionPolicy(link: Link, key: string, deadlineMs: number): Promise<string | undefined> {
  try {
    const info = String(await link.send(key, ['INFO', 'memory'], deadlineMs));
    return /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  } catch {
    // Managed servers forbid it, and one that is away is told of by whoever needs it: what is unknown is said by the caller.
    return undefined;
  }
}

/** Whether a full server takes away nothing at all, but refuses what is written. */
export function takesNothing(policy: string): boolean {
  return policy === 'noeviction';
}
