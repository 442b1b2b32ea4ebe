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

/** Far more than anything here takes on a machine that is busy with other things: who waits in vain has found a fault. */
export const PATIENCE_MS = 60_000;
/** Between two looks the processor is left to what is waited for: a test that spins starves its own subject. */
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 32;
/** A look that is work for the subject (a scrape of all figures takes it 15 ms) may take a fifth of its time, and no more of this test's. */
const PAUSE_PER_LOOK = 4;
const LONGEST_PAUSE_AFTER_LOOK_MS = 200;

/** Resolves once `condition` holds; rejects naming `what` when it does not within `PATIENCE_MS`, and at once when it rejects. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  await look(condition, what, () => undefined);
}

/** The same, but whatever `condition` rejects with means "not yet"; the last of it is the cause when it never holds. */
export async function eventually(condition: () => Promise<boolean>, what: string): Promise<void> {
  let last: unknown;
  const holds = () =>
    condition().catch((error: unknown) => {
      last = error;
      return false;
    });
  await look(holds, what, () => last);
}

async function look(condition: () => boolean | Promise<boolean>, what: string, cause: () => unknown): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  const vain = () => new Error(`waited in vain, ${PATIENCE_MS} ms, for this: ${what}`, { cause: cause() });
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    const lookedMs = performance.now();
    if (await before(deadline, condition(), vain)) return;
    const nowMs = performance.now();
    if (nowMs > deadline) throw vain();
    const restMs = Math.min(PAUSE_PER_LOOK * (nowMs - lookedMs), LONGEST_PAUSE_AFTER_LOOK_MS);
    await new Promise((resolve) => setTimeout(resolve, Math.max(pauseMs, restMs)));
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
  }
}

/** A look that gets no answer is in vain too. */
async function before(deadline: number, answer: boolean | Promise<boolean>, vain: () => Error): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(vain()), Math.max(0, deadline - performance.now()));
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
