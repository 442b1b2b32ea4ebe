// Keeps blocked contents out of whatever is stored or drawn: asked before the work and after it, since a takedown that begins in between
// has set its tombstone before it looks for what is there.
import type { Digest } from '../../kernel/digest.js';
import type { GroupRef } from '../../kernel/image-key.js';
import type { Catalog } from '../../kernel/ports/catalog.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Takedowns } from '../../kernel/ports/takedowns.js';
import { type CatalogEntry, contentDigestOf } from '../../kernel/source.js';
import { blockedContent, isInForce } from '../../kernel/takedown/tombstone.js';
import { unlessUnreachable } from '../unreachable.js';

/** Clocks of nodes differ by so much at most: who stored a group dated it, and who took down its content dated that. */
const CLOCKS_APART_MS = 60_000;

export interface ContentGuardDeps {
  readonly takedowns: Pick<Takedowns, 'findTombstone'>;
  readonly clock: Clock;
  /** Since when (Unix ms) it is blocked, as this process last heard; counts while the store cannot be asked. */
  readonly blockedSince?: (content: Digest) => number | undefined;
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

  /**
   * The entry. None where it came in behind the tombstone of its content: whoever stored it has died, or stands still, before it looked
   * again. Then its group goes now.
   */
  async find(catalog: Pick<Catalog, 'find' | 'removeGroup'>, ref: GroupRef): Promise<CatalogEntry | undefined> {
    const entry = await catalog.find(ref);
    if (entry === undefined || !this.hasSlippedIn(entry)) return entry;
    await catalog.removeGroup(ref, entry.group.revision);
    return undefined;
  }

  private hasSlippedIn({ group, source }: CatalogEntry): boolean {
    const since = this.deps.blockedSince?.(contentDigestOf(source));
    return since !== undefined && group.createdAt > since - CLOCKS_APART_MS;
  }

  private async isBlocked(content: Digest): Promise<boolean> {
    const { takedowns, clock, blockedSince } = this.deps;
    let isAnswered = false;
    const asked = takedowns.findTombstone(content).then((stone) => {
      isAnswered = true;
      return stone;
    });
    const stone = await unlessUnreachable(asked);
    if (!isAnswered) return blockedSince?.(content) !== undefined;
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

/** The entry as `ContentGuard.find` has it, or whatever is there where nothing guards it. */
export function guardedFind(
  guard: ContentGuard | undefined,
  catalog: Pick<Catalog, 'find' | 'removeGroup'>,
  ref: GroupRef,
): Promise<CatalogEntry | undefined> {
  return guard === undefined ? catalog.find(ref) : guard.find(catalog, ref);
}
