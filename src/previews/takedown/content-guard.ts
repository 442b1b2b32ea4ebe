// Keeps blocked contents out of whatever is stored or drawn: asked before the work and after it, since a takedown that begins in between
// has set its tombstone before it looks for what is there.
import type { Digest } from '../../kernel/digest.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Takedowns } from '../../kernel/ports/takedowns.js';
import { blockedContent, isInForce } from '../../kernel/takedown/tombstone.js';
import { unlessUnreachable } from '../unreachable.js';

export interface ContentGuardDeps {
  readonly takedowns: Pick<Takedowns, 'findTombstone'>;
  readonly clock: Clock;
  /** Whether it was blocked when this process last heard: counts while the store cannot be asked. */
  readonly wasBlocked?: (content: Digest) => boolean;
}

export class ContentGuard {
  constructor(private readonly deps: ContentGuardDeps) {}

  /** Throws `blocked-content`. */
  async check(content: Digest): Promise<void> {
    if (await this.isBlocked(content)) throw blockedContent();
  }

  /** What `work` makes of the content; `undo` takes away what it has stored where it was blocked meanwhile. Throws `blocked-content`. */
  async through<T>(content: Digest, work: () => Promise<T>, undo: () => Promise<unknown>): Promise<T> {
    await this.check(content);
    const done = await work();
    if (!(await this.isBlocked(content))) return done;
    await undo();
    throw blockedContent();
  }

  private async isBlocked(content: Digest): Promise<boolean> {
    const { takedowns, clock, wasBlocked } = this.deps;
    let isAnswered = false;
    const asked = takedowns.findTombstone(content).then((stone) => {
      isAnswered = true;
      return stone;
    });
    const stone = await unlessUnreachable(asked);
    if (!isAnswered) return wasBlocked?.(content) ?? false;
    return stone !== undefined && isInForce(stone, clock.now());
  }
}

/** Runs `work` where nothing guards it. */
export function guarded<T>(
  guard: ContentGuard | undefined,
  content: Digest,
  work: () => Promise<T>,
  undo: () => Promise<unknown>,
): Promise<T> {
  return guard === undefined ? work() : guard.through(content, work, undo);
}
