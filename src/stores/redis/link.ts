// A connection with manners: every call has a deadline, a breaker spares the server and the caller, and every failure is
// one of the port's errors. Scripts go by their digest and are sent once per server.
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../kernel/ports/clock.js';
import { unreachable } from '../backend-errors.js';
import { Breaker, type BreakerOptions } from '../breaker.js';
import type { Argument, Connection } from './connection.js';
import { withDeadline } from './deadline.js';
import { asPortError, failureOf } from './failures.js';

/** A Lua script; all its keys lie in one slot. */
export interface Script {
  readonly lua: string;
  /** SHA-1 of the text, as EVALSHA wants it. */
  readonly sha: string;
}

export function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

export interface Command {
  /** Decides the slot; one of the command's keys. */
  readonly key: string;
  readonly args: Argument[];
}

export interface ScriptCall {
  readonly keys: readonly [string, ...string[]];
  readonly args: readonly (string | number)[];
}

/** A slot that is being moved to another node has its keys on both for a moment, and no script can run there. */
const TRY_AGAIN_MS = 25;
const MAX_ATTEMPTS = 12;

export class Link {
  private readonly breaker: Breaker;
  private blockedBy: Error | undefined;

  constructor(
    readonly connection: Connection,
    clock: Clock,
    private readonly options: BreakerOptions & {
      /** Told of every error that a server or the client gave. */
      readonly onFailure?: (error: unknown) => void;
    },
    /** Whether the servers are known to be away by other means than this connection's own. */
    private readonly isKnownAway: () => boolean = () => false,
  ) {
    this.breaker = new Breaker(clock, options);
  }

  /** Whether calls have a chance now. */
  get isUp(): boolean {
    return this.connection.readiness() !== 'none' && this.breaker.state !== 'open';
  }

  /** To be called when the server was seen to be back: the breaker need not wait. */
  cameBack(): void {
    this.breaker.succeeded();
  }

  /** Every call fails from now on: the data is not ours to touch. */
  block(reason: Error): void {
    this.blockedBy = reason;
  }

  /** Throws `shared-tier-unreachable`, `storage-full`, `internal`; at the latest after `deadlineMs`. */
  send(key: string, args: Argument[], deadlineMs: number): Promise<unknown> {
    return this.guard(deadlineMs, () => this.connection.send(key, args));
  }

  /** Many commands in one go under one deadline; replies in order. */
  sendAll(commands: readonly Command[], deadlineMs: number): Promise<unknown[]> {
    return this.guard(deadlineMs, () => Promise.all(commands.map(({ key, args }) => this.connection.send(key, args))));
  }

  run(of: Script, call: ScriptCall, deadlineMs: number): Promise<unknown> {
    return this.guard(deadlineMs, () => this.evaluate(of, call));
  }

  runAll(of: Script, calls: readonly ScriptCall[], deadlineMs: number): Promise<unknown[]> {
    return this.guard(deadlineMs, () => Promise.all(calls.map((call) => this.evaluate(of, call))));
  }

  /** Runs `work` as one call; for clients of the connection that do not go through `send`. */
  async guard<T>(deadlineMs: number, work: () => Promise<T>): Promise<T> {
    if (this.blockedBy) throw unreachable(this.blockedBy);
    if (this.isKnownAway() || this.connection.readiness() === 'none' || !this.breaker.enter()) throw unreachable();
    try {
      const outcome = await withDeadline(deadlineMs, work());
      this.breaker.succeeded();
      return outcome;
    } catch (error) {
      this.options.onFailure?.(error);
      // A server that refuses one request is well.
      if (failureOf(error) === 'away') this.breaker.failed();
      else this.breaker.succeeded();
      throw asPortError(error);
    }
  }

  private async evaluate({ lua, sha }: Script, { keys, args }: ScriptCall): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args.map(String)];
    let head = ['EVALSHA', sha];
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.connection.send(keys[0], [...head, ...rest]);
      } catch (error) {
        if (!(error instanceof Error) || attempt === MAX_ATTEMPTS) throw error;
        if (error.message.startsWith('NOSCRIPT')) head = ['EVAL', lua];
        else if (error.message.startsWith('TRYAGAIN')) await delay(TRY_AGAIN_MS);
        else throw error;
      }
    }
  }
}
