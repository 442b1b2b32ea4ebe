// A store in another process, driven by messages, that can be killed at any moment.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { startModule } from './processes.js';

interface Message {
  readonly ready?: true;
  readonly acknowledged?: string;
  readonly id?: number;
  readonly answer?: unknown;
  readonly error?: string;
}

export class StoreProcess {
  /** Names that the process has acknowledged, in order. */
  readonly acknowledged: string[] = [];
  private readonly waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  private readonly exited: Promise<unknown>;
  private nextId = 0;

  private constructor(private readonly child: ChildProcess) {
    this.exited = once(child, 'exit');
    child.on('message', ({ id, answer, error, acknowledged }: Message) => {
      if (acknowledged !== undefined) this.acknowledged.push(acknowledged);
      if (id === undefined) return;
      const waiter = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) waiter?.resolve(answer);
      else waiter?.reject(new Error(error));
    });
  }

  static async start(dataDir: string): Promise<StoreProcess> {
    const child = startModule(new URL('./store-child.mjs', import.meta.url), [dataDir], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await once(child, 'message');
    return new StoreProcess(child);
  }

  /** Has the process do `command` (see store-child.mjs), and resolves with its answer. */
  ask(command: string, parameters: object = {}): Promise<unknown> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.child.send({ id, command, ...parameters });
    });
  }

  /** Like `ask`, for what never ends by itself. */
  tell(command: string, parameters: object = {}): void {
    this.child.send({ id: -1, command, ...parameters });
  }

  /** Resolves with its exit code, or the signal, once it has ended by itself. */
  async gone(): Promise<unknown> {
    const [code, signal] = (await this.exited) as [number | null, string | null];
    return code ?? signal;
  }

  /** `kill -9`; resolves once it is gone and everything it said has arrived. */
  async kill(): Promise<void> {
    const drained = once(this.child, 'disconnect');
    this.child.kill('SIGKILL');
    await Promise.all([this.exited, this.child.connected ? drained : undefined]);
  }
}
