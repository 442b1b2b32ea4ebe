// Gates and conditions: how a test holds work at a known point and waits for what it has caused, without sleeping.

/** Open at first: who passes goes through. While it is shut, they are held until it opens or their signal aborts. */
export class Gate {
  private readonly waiting = new Set<() => void>();
  private isOpen = true;

  /** How many are held at it now. */
  get held(): number {
    return this.waiting.size;
  }

  shut(): void {
    this.isOpen = false;
  }

  open(): void {
    this.isOpen = true;
    for (const go of [...this.waiting]) go();
  }

  /** Resolves once the gate is open; rejects with the signal's reason when it aborts before. */
  async pass(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.isOpen) return;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.waiting.delete(go);
        signal?.removeEventListener('abort', go);
        resolve();
      };
      this.waiting.add(go);
      signal?.addEventListener('abort', go);
    });
    signal?.throwIfAborted();
  }
}

const UNTIL_MS = 30_000;
/** Between two looks the processor is left to what is waited for: a test that spins starves its own subject. */
const LOOK_EVERY_MS = 2;

/** Resolves once `condition` holds; rejects naming `what` when it does not within 30 s. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + UNTIL_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`expected that ${what} within ${UNTIL_MS} ms, but it did not`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
