// A lock that one group of processes holds at a time, each of its members by itself: the servers of one PID namespace share LMDB's files,
// those of two must not (see process-identity.ts). Held by names in a directory (see held-name.ts), so nobody has to say that somebody died.
import { randomBytes } from 'node:crypto';
import { accessSync, constants, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HeldName, isHeld, isUnfinished, type OnAsked } from './held-name.js';
import { makeDirs } from './make-dirs.js';
import { errnoOf } from './storage-errors.js';

/** `<12 hex of the group>-<process id>-<16 hex that nobody had before>` */
const NAME = /^([0-9a-f]{12})-([0-9]+)-([0-9a-f]{16})$/;
/** Two groups that reach for it at once both let go, and try again after up to this time, each another. */
const MOST_PAUSE_MS = 40;
const MOST_TRIES = 50;
/** What a process left that was killed between making a name and listening on it. */
const UNFINISHED_FOR_MS = 3_600_000;

/** A process that lives and holds the lock. */
export interface Holder {
  readonly name: string;
  readonly group: string;
  /** As its own PID namespace has it. */
  readonly pid: number;
}

/** Another group holds the lock. */
export class HeldByOthers extends Error {
  override readonly name = 'HeldByOthers';
  constructor(readonly holders: readonly Holder[]) {
    super(`expected a lock that nobody else holds, got one that ${holders.length} processes hold`);
  }
}

export class GroupLock {
  private released = false;

  private constructor(
    private readonly dir: string,
    private readonly held: HeldName,
  ) {}

  /** This member's name; no process ever has it again. */
  get name(): string {
    return this.held.name;
  }

  /**
   * Joins `group` (12 hex digits) in holding the lock that lies in the directory `dir`, which is made. Throws `HeldByOthers`, or the
   * system's error where names cannot be held. Each member shows its name before it looks for others, so of two groups that reach for it
   * at once at least one sees the other.
   */
  static async take(dir: string, group: string): Promise<GroupLock> {
    for (let tries = 1; ; tries++) {
      const before = await foreignHolders(dir, group);
      if (before.length > 0) throw new HeldByOthers(before);
      const held = await holdIn(dir, `${group}-${process.pid}-${randomBytes(8).toString('hex')}`);
      const after = await foreignHolders(dir, group);
      if (after.length === 0) return new GroupLock(dir, held);
      held.release();
      if (tries === MOST_TRIES) throw new HeldByOthers(after);
      await sleep(1 + Math.random() * MOST_PAUSE_MS);
    }
  }

  /** Whether the member of this name lives and holds the lock. */
  isHeldBy(name: string): Promise<boolean> {
    return name === this.name ? Promise.resolve(!this.released) : isHeld(this.dir, name);
  }

  /** The other members that live. */
  async others(): Promise<readonly Holder[]> {
    return (await holders(this.dir)).filter(({ name }) => name !== this.name);
  }

  /** Hands on what others ask this member (see held-name.ts); what was asked before comes first. */
  answerBy(answerer: OnAsked | undefined): void {
    this.held.answerBy(answerer);
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    this.held.release();
    try {
      rmdirSync(this.dir);
    } catch {
      // Others hold it, or somebody was quicker: it is no trace of ours.
    }
  }
}

/** Those of other groups that hold the lock in `dir`; none where it is not there. */
export async function foreignHolders(dir: string, group: string): Promise<readonly Holder[]> {
  return (await holders(dir)).filter((holder) => holder.group !== group);
}

/** All that live; the names of the dead are removed, which no process takes again. */
async function holders(dir: string): Promise<readonly Holder[]> {
  const found = await Promise.all(
    namesIn(dir).map(async (name) => {
      const [, group, pid] = NAME.exec(name) ?? [];
      if (group === undefined) return removeUnfinished(dir, name);
      if (await isHeld(dir, name)) return { name, group, pid: Number(pid) };
      rmSync(join(dir, name), { force: true });
      return undefined;
    }),
  );
  return found.filter((holder) => holder !== undefined);
}

function removeUnfinished(dir: string, name: string): undefined {
  if (!isUnfinished(name)) return;
  const stat = statSync(join(dir, name), { throwIfNoEntry: false });
  if (stat && Date.now() - stat.mtimeMs > UNFINISHED_FOR_MS) rmSync(join(dir, name), { force: true });
}

function namesIn(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Whoever lets go last removes the directory: it is made again then. */
async function holdIn(dir: string, name: string): Promise<HeldName> {
  for (let tries = 1; ; tries++) {
    makeDirs(dir);
    try {
      return await HeldName.hold(dir, name);
    } catch (error) {
      if (tries === MOST_TRIES || !mayBeRemoved(dir, error)) throw error;
    }
  }
}

/** Whether `error` may say that somebody removed `dir` just now: libuv makes EACCES of bind's ENOENT. By now it may be there again. */
function mayBeRemoved(dir: string, error: unknown): boolean {
  if (errnoOf(error) !== 'EACCES') return errnoOf(error) === 'ENOENT';
  try {
    accessSync(dir, constants.W_OK | constants.X_OK);
    return true;
  } catch (obstacle) {
    return errnoOf(obstacle) === 'ENOENT';
  }
}
