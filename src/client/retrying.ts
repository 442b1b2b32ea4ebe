// Asking again: what a server that is busy or over a limit says is waited for, within bounds.

export interface RetryRules {
  /** How often a request is sent again, 0 or more. */
  readonly retries: number;
  /** The longest wait before one of them, in ms; a server that asks for more is not waited for. */
  readonly maxWaitMs: number;
}

/** Too many, or not now: the two statuses that mean "the same again, later". */
const LATER: ReadonlySet<number> = new Set([429, 503]);
const FIRST_WAIT_MS = 250;

/**
 * `send`, again while it is answered with 429 or 503 or not at all. Every operation may be sent twice: what is stored under a key
 * is the same afterwards. Rejects with the signal's reason as soon as it aborts.
 */
export async function retrying(
  send: () => Promise<Response>,
  { retries, maxWaitMs }: RetryRules,
  signal: AbortSignal | undefined,
): Promise<Response> {
  for (let attempt = 0; ; attempt++) {
    const isLast = attempt >= retries;
    const backOffMs = FIRST_WAIT_MS * 2 ** attempt;
    let waitMs: number;
    try {
      const response = await send();
      if (isLast || !LATER.has(response.status)) return response;
      waitMs = retryAfterMs(response.headers.get('Retry-After')) ?? backOffMs;
      if (waitMs > maxWaitMs) return response;
      await response.body?.cancel();
    } catch (error) {
      if (isLast || signal?.aborted === true) throw error;
      waitMs = Math.min(backOffMs, maxWaitMs);
    }
    await pause(waitMs, signal);
  }
}

/** RFC 9110, section 10.2.3: seconds, or a date. */
function retryAfterMs(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
