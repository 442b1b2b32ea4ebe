// The parent's end of one converter child: starts it, passes messages, kills it, tells when it is gone. Knows no queue.
import { type ChildProcess, fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import os from 'node:os';
import type { Logger } from '../kernel/ports/logger.js';
import { asFromChild, type ChildSettings, type FromChild, type ToChild } from './protocol.js';

export interface ChildOptions {
  readonly program: string | URL;
  readonly settings: ChildSettings;
  /** Added to the scheduling priority: 0 to 19, larger is lower. */
  readonly niceness: number;
  readonly logger: Logger;
}

export interface ChildEvents {
  message(message: FromChild): void;
  /** It said something that no converter says: it is not to be trusted any more. */
  nonsense(): void;
  /** The process is gone, whatever the reason; nothing comes after this. `said`: to stderr, by one that was never ready. */
  exit(how: string, said: string): void;
}

/** Chatter of decoders that is kept of one child, in characters; the rest is dropped. */
const MAX_STDERR_CHARACTERS = 16_384;
/** What a child that ended before it was ready has said of why, in characters that are kept, and how long that is waited for. */
const MAX_SAID_CHARACTERS = 1_000;
const SAID_WITHIN_MS = 500;
/** What decoders and the loader need of our environment. Everything else, secrets above all, stays here. */
const PASSED_ENVIRONMENT = [
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'LD_PRELOAD',
  'LD_LIBRARY_PATH',
  'FONTCONFIG_PATH',
  'FONTCONFIG_FILE',
];

export class ConverterChild {
  private readonly process: ChildProcess;
  private gone = false;
  private stderrCharacters = 0;
  private said = '';
  private isReady = false;

  constructor(
    private readonly options: ChildOptions,
    events: ChildEvents,
  ) {
    this.process = fork(options.program, [JSON.stringify(options.settings)], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // Debugger and loader flags of the server are not for its children. They free their pixels themselves (dead-buffers.ts).
      execArgv: ['--expose-gc'],
      env: childEnvironment(),
    });
    this.process.on('message', (message: unknown) => {
      const known = asFromChild(message);
      // Not before: behind a busy neighbour a child of low priority would take many seconds to load its code.
      if (known?.kind === 'ready') this.onReady();
      if (known) events.message(known);
      else events.nonsense();
    });
    const ended = (how: string): void => {
      if (this.gone) return;
      this.gone = true;
      events.exit(how, this.said.trim());
    };
    this.process.once('exit', (code, signal) => {
      const how = signal ?? `code ${code}`;
      if (this.isReady) return ended(how);
      // Its last words may still be under way; whoever was begun by it may hold them back.
      const timer = setTimeout(() => ended(how), SAID_WITHIN_MS);
      this.process.once('close', () => {
        clearTimeout(timer);
        ended(how);
      });
    });
    // A child that could not even be started has no exit.
    this.process.once('error', (error) => {
      options.logger.warn({ error }, 'converter child failed');
      if (this.process.pid === undefined) ended('not started');
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => this.chatter(text));
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  /** A message to a child that is going down is lost; its `exit` tells. */
  send(message: ToChild): void {
    if (this.process.connected) this.process.send(message, () => {});
  }

  /** Ends the process whatever it does; `exit` follows. */
  kill(): void {
    if (!this.gone) this.process.kill('SIGKILL');
  }

  private onReady(): void {
    lowerPriority(this.process.pid, this.options);
    // From here on it may speak of images, which nobody but who asks for debugging is told.
    this.isReady = true;
    this.said = '';
  }

  private chatter(text: string): void {
    if (!this.isReady) this.said = (this.said + text).slice(0, MAX_SAID_CHARACTERS);
    const room = MAX_STDERR_CHARACTERS - this.stderrCharacters;
    if (room <= 0) return;
    this.stderrCharacters += text.length;
    this.options.logger.debug({ pid: this.pid, text: text.slice(0, room) }, 'converter child wrote to stderr');
  }
}

/**
 * For glibc's allocator: few arenas, or it keeps the memory of every thread's largest picture; rasters up to 64 MiB are
 * reused instead of being given back and faulted in again, which saves a tenth of the processor time and more; 128 MiB
 * at most are kept free. Other allocators (LD_PRELOAD) pass them over.
 */
export const ALLOCATOR_ENVIRONMENT = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: String(64 * 1024 * 1024),
  MALLOC_TRIM_THRESHOLD_: String(128 * 1024 * 1024),
} as const;

function childEnvironment(): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {
    ...ALLOCATOR_ENVIRONMENT,
    UV_THREADPOOL_SIZE: '4',
    NODE_ENV: 'production',
  };
  for (const name of PASSED_ENVIRONMENT) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

/** Hits win the processor over conversions. Not being allowed to is no reason not to convert. */
function lowerPriority(pid: number | undefined, { niceness, logger }: ChildOptions): void {
  if (pid === undefined || niceness === 0) return;
  try {
    const lower = Math.min(19, os.getPriority() + niceness);
    for (const thread of threadsOf(pid)) os.setPriority(thread, lower);
  } catch (error) {
    logger.debug({ error }, 'the priority of a converter child could not be lowered');
  }
}

/** Linux keeps a priority by thread; threads begun later have that of whoever began them. Elsewhere the process has one. */
function threadsOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [pid];
  }
}
