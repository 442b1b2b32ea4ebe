// A name in a directory that is held while its process lives, and not a moment longer: a Unix socket that the process listens on. Who can
// be connected to lives. The kernel answers that, for every PID, mount and network namespace of one machine alike, and closes the socket
// only when the last thread of a process, however it was ended, has left its last system call.
import { type BigIntStats, closeSync, constants, lstatSync, openSync, renameSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { errnoOf } from './storage-errors.js';

/** sun_path has 108 bytes, one of them for the end (unix(7)); a longer path is taken by way of its open directory. */
const LONGEST_PATH = 100;
/** A name that is not listened on yet. Between bind(2) and listen(2) it would look like that of a dead process. */
const UNFINISHED = '.new';
/** Whoever connects in order to ask says what at once. */
const QUESTION_MS = 10_000;
const LONGEST_QUESTION = 1_024;
/** Questions that wait for somebody who answers; as many as there are connections from neighbours. */
const MOST_WAITING = 10_000;

/** A line that somebody has asked, and the connection to answer on: paused, and half-open when the other side has ended. */
export type OnAsked = (question: string, socket: Socket) => void;

export class HeldName {
  private answerer: OnAsked | undefined;
  private waiting: (readonly [string, Socket])[] = [];
  private readonly file: string | undefined;

  private constructor(
    private readonly server: Server,
    private readonly dir: string,
    readonly name: string,
  ) {
    this.file = this.fileNow();
    server.on('connection', (socket) => this.listenTo(socket));
    // Out of file handles: the connection stays in the kernel's queue, which is a sign of life too.
    server.on('error', () => undefined);
    server.unref();
  }

  /** Takes `name`, which nobody has had before, in the existing directory `dir`. Throws the system's error. */
  static async hold(dir: string, name: string): Promise<HeldName> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      // Exclusive: a worker of a cluster would else be given a socket that its supervisor holds as well.
      atShortPath(dir, `${name}${UNFINISHED}`, (path) => server.listen({ path, exclusive: true }, resolve));
    });
    server.removeAllListeners('error');
    try {
      renameSync(join(dir, `${name}${UNFINISHED}`), join(dir, name));
    } catch (error) {
      server.close();
      throw error;
    }
    return new HeldName(server, dir, name);
  }

  /** Hands on what is asked, and what was asked before. */
  answerBy(answerer: OnAsked | undefined): void {
    this.answerer = answerer;
    if (answerer === undefined) return;
    for (const [question, socket] of this.waiting.splice(0)) if (!socket.destroyed) answerer(question, socket);
  }

  /** Whether the name is gone, or another's, though it was not given up: nobody can tell any more that this process lives. */
  isLost(): boolean {
    try {
      return this.fileNow() !== this.file;
    } catch {
      // The disk does not answer, or not to us: that says nothing about the name.
      return false;
    }
  }

  private fileNow(): string | undefined {
    const stat = statOfName(join(this.dir, this.name));
    return stat && `${stat.dev}:${stat.ino}`;
  }

  /** Gives the name up. Connections that were handed on go on. */
  release(): void {
    for (const [, socket] of this.waiting.splice(0)) socket.destroy();
    this.server.close();
    removeName(join(this.dir, this.name));
  }

  private listenTo(socket: Socket): void {
    socket.on('error', () => undefined);
    // Who only wanted to know whether somebody lives, or says nothing.
    const drop = (): void => void socket.destroy();
    socket.once('end', drop);
    socket.setTimeout(QUESTION_MS, drop);
    let asked = Buffer.alloc(0);
    const take = (chunk: Buffer): void => {
      asked = Buffer.concat([asked, chunk]);
      const end = asked.indexOf('\n');
      if (end < 0 && asked.length > LONGEST_QUESTION) socket.destroy();
      if (end < 0) return;
      socket.pause();
      socket.off('data', take).off('end', drop).setTimeout(0, drop);
      if (end + 1 < asked.length) socket.unshift(asked.subarray(end + 1));
      const question = asked.toString('utf8', 0, end);
      if (this.answerer) this.answerer(question, socket);
      else if (this.waiting.length < MOST_WAITING) this.waiting.push([question, socket]);
      else socket.destroy();
    };
    socket.on('data', take);
  }
}

/** A connection to the holder of `name` in `dir`, under way; it fails where nobody holds it. */
export function connectTo(dir: string, name: string): Socket {
  return atShortPath(dir, name, (path) => connect({ path, allowHalfOpen: true }));
}

/** What the kernel tells of a name: who may not connect to the socket of another user is not told whether that lives. */
export type NameState = 'held' | 'free' | 'forbidden';

/** Whether a process that lives holds `name` in `dir`. One whose queue is full counts as one that lives. */
export function stateOf(dir: string, name: string): Promise<NameState> {
  return new Promise((resolve) => {
    let socket: Socket;
    try {
      socket = connectTo(dir, name);
    } catch (error) {
      return resolve(stateBy(error));
    }
    socket.once('connect', () => {
      resolve('held');
      socket.destroy();
    });
    socket.once('error', (error) => resolve(stateBy(error)));
  });
}

function stateBy(error: unknown): NameState {
  const errno = errnoOf(error) ?? '';
  if (['ECONNREFUSED', 'ENOENT'].includes(errno)) return 'free';
  return ['EACCES', 'EPERM'].includes(errno) ? 'forbidden' : 'held';
}

/** Whether a process may hold `name`: who cannot be asked counts as one that lives. */
export async function isHeld(dir: string, name: string): Promise<boolean> {
  return (await stateOf(dir, name)) !== 'free';
}

/** Whether `name` is one that nobody has begun to listen on yet. */
export function isUnfinished(name: string): boolean {
  return name.endsWith(UNFINISHED);
}

/**
 * What the system tells of the name at `path`; nothing where it is gone. In bigint: what a process has asked last of a socket or a pipe in
 * plain numbers, Node's next `import()` or `require()` takes for the state of directories on its way, and follows no link
 * (nodejs/node#51142). A package that pnpm has installed would then not find what it needs.
 */
export function statOfName(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

/** Removes the name at `path`, if it is there. Not by `rmSync`, which asks for its state in plain numbers (see `statOfName`). */
export function removeName(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** Runs `use`, which binds or connects at once, with a path to `name` in `dir` that is short enough for a socket. */
function atShortPath<T>(dir: string, name: string, use: (path: string) => T): T {
  const path = join(dir, name);
  if (Buffer.byteLength(path) <= LONGEST_PATH) return use(path);
  const fd = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return use(`/proc/self/fd/${fd}/${name}`);
  } finally {
    closeSync(fd);
  }
}
