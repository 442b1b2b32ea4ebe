// A lock that one group of processes holds at a time, each of its members by itself: the servers of one PID namespace share LMDB's files,
// those of two must not (see process-identity.ts). Held by names in a directory (see held-name.ts), so nobody has to say that somebody died.
import { randomBytes } from 'node:crypto';
import { accessSync, constants, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HeldName, isHeld, isUnfinished, type OnAsked, removeName, stateOf, statOfName } from './held-name.js';
import { makeDirs } from './make-dirs.js';
import { processGroup } from './process-identity.js';
import { DataDirError, errnoOf } from './storage-errors.js';

/** `<12 hex of the group>-<process id>-<16 hex that nobody had before>` */
const NAME = /^([0-9a-f]{12})-([0-9]+)-([0-9a-f]{16})$/;
/** Two groups that reach for it at once both let go, and try again after up to this time, each another. */
const MOST_PAUSE_MS = 40;
const MOST_TRIES = 50;
/** What a process left that was killed between making a name and listening on it. */
const UNFINISHED_FOR_MS = 3_600_000;

/** Where the lock lies that everybody holds who uses the data directory `dataDir`. */
export function lockDir(dataDir: string): string {
  return join(dataDir, 'in-use');
}

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
   * Joins `group` (12 hex digits) in holding the lock that lies in the directory `dir`, which is made. Throws `HeldByOthers`;
   * `DataDirError` where nobody can tell whether another group holds it; the system's error where names cannot be held. Each member
   * shows its name before it looks for others, so of two groups that reach for it at once at least one sees the other.
   */
  static async take(dir: string, group: string): Promise<GroupLock> {
    for (let tries = 1; ; tries++) {
      const before = await foreignHolders(dir, group);
      if (before.length > 0) throw new HeldByOthers(before);
      const held = await holdIn(dir, `${group}-${process.pid}-${randomBytes(8).toString('hex')}`);
      const after = await foreignHolders(dir, group).catch((error: unknown) => {
        held.release();
        throw error;
      });
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
    return (await holders(this.dir)).filter(({ name }) => name !== this.name).map(asHolder);
  }

  /** Hands on what others ask this member (see held-name.ts); what was asked before comes first. */
  answerBy(answerer: OnAsked | undefined): void {
    this.held.answerBy(answerer);
  }

  /** Whether somebody has removed this member's name, so that others may take the lock beside it. */
  isLost(): boolean {
    return !this.released && this.held.isLost();
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

/**
 * Those of other groups that hold the lock in `dir`; none where it is not there. Throws `DataDirError` where the only ones left belong to
 * another user, so that nobody can tell whether they live: waiting for them might have no end.
 */
export async function foreignHolders(dir: string, group: string): Promise<readonly Holder[]> {
  const foreign = (await holders(dir)).filter((holder) => holder.group !== group);
  const askable = foreign.filter(({ mayBeAsked }) => mayBeAsked).map(asHolder);
  const [forbidden] = foreign;
  if (forbidden !== undefined && askable.length === 0) refuseForbidden(join(dir, forbidden.name));
  return askable;
}

/** Nothing where `path` is gone by now. */
function refuseForbidden(path: string): void {
  const uid = statOfName(path)?.uid;
  if (uid === undefined) return;
  throw new DataDirError(
    `expected a data directory whose servers this user may connect to, got ${path}, which belongs to uid ${uid}: run this as that user, ` +
      'or stop that server first; if no such server runs, remove the file',
  );
}

interface Found extends Holder {
  /** False where it belongs to another user, which counts as one that lives. */
  readonly mayBeAsked: boolean;
}

function asHolder({ name, group, pid }: Found): Holder {
  return { name, group, pid };
}

/** All that live; the names of the dead are removed, which no process takes again. */
async function holders(dir: string): Promise<readonly Found[]> {
  const found = await Promise.all(
    namesIn(dir).map(async (name) => {
      const [, group, digits] = NAME.exec(name) ?? [];
      if (group === undefined) return removeUnfinished(dir, name);
      const pid = Number(digits);
      const state = await stateOf(dir, name);
      const mayBeAsked = state !== 'forbidden';
      if (mayBeAsked ? state === 'held' : group !== processGroup() || isThere(pid))
        return { name, group, pid, mayBeAsked };
      removeName(join(dir, name));
      return undefined;
    }),
  );
  return found.filter((holder) => holder !== undefined);
}

/** Whether a process of this PID namespace has the id; it may be another by now. */
function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}

function removeUnfinished(dir: string, name: string): undefined {
  if (!isUnfinished(name)) return;
  const stat = statOfName(join(dir, name));
  if (stat && Date.now() - Number(stat.mtimeMs) > UNFINISHED_FOR_MS) removeName(join(dir, name));
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
