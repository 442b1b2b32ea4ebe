// Many previews in one go: what is stored first, what still has to be made as it is finished, with a bound on how long that is
// waited for. Knows nothing of how they are told.
import { ProofsheetError } from '../kernel/errors.js';
import type { Format } from '../kernel/format.js';
import type { GroupRef } from '../kernel/image-key.js';
import type { PreviewBytes, Previews } from './answers.js';

/** One preview of a batch; `failed`: what is wrong with the wish itself. */
export type Wish = { readonly ref: GroupRef; readonly format: Format } | { readonly failed: unknown };

/** `index`: of the wish, from 0. Not final: the best of what is there, until the right one follows. */
export type Fulfilled =
  | { readonly index: number; readonly isFinal: boolean; readonly read: PreviewBytes }
  | { readonly index: number; readonly isFinal: true; readonly failed: unknown };

/** Previews of one batch that are read, or waited for, at once: their bytes are all that a batch holds. */
const MOST_AT_ONCE = 8;

/**
 * Answers each wish once, those whose preview is stored first. With `waitMs` one whose preview is still to be made is answered by the
 * best that is there, and again when it is made; what is not made after `waitMs` (from now) is not waited for: it gets no second
 * answer, or `overloaded` where there was nothing for a first. Whoever stops listening ends it.
 */
export async function* fulfilled(
  previews: Pick<Previews, 'availableNow' | 'choose' | 'read'>,
  wishes: readonly Wish[],
  waitMs?: number,
): AsyncGenerator<Fulfilled, void, undefined> {
  const toBeMade: number[] = [];
  const shown = new Set<number>();
  const lookAt = async (index: number, wish: Wish): Promise<Fulfilled | undefined> => {
    if ('failed' in wish) throw wish.failed;
    const { choice, isFinal } = await previews.availableNow(wish.ref, wish.format);
    if (!isFinal) toBeMade.push(index);
    if (choice === undefined || (!isFinal && waitMs === undefined)) return undefined;
    shown.add(index);
    return { index, isFinal, read: await previews.read(choice) };
  };
  const wait = async (index: number, wish: Wish): Promise<Fulfilled | undefined> => {
    if ('failed' in wish) return undefined;
    return { index, isFinal: true, read: await previews.read(await previews.choose(wish.ref, wish.format)) };
  };
  const endOf = patience(waitMs);
  try {
    yield* answered(wishes, [...wishes.keys()], lookAt);
    const open = new Set(toBeMade);
    for await (const one of answered(wishes, toBeMade, wait, endOf.signal)) {
      open.delete(one.index);
      yield one;
    }
    for (const index of open) if (!shown.has(index)) yield { index, isFinal: true, failed: notYet() };
  } finally {
    endOf.end();
  }
}

/** What `answer` makes of the wishes at these places, as it comes; what it rejects with is an answer too. Ends early with `signal`. */
async function* answered(
  wishes: readonly Wish[],
  places: readonly number[],
  answer: (index: number, wish: Wish) => Promise<Fulfilled | undefined>,
  signal?: AbortSignal,
): AsyncGenerator<Fulfilled, void, undefined> {
  const underWay = new Map<number, Promise<{ readonly index: number; readonly one: Fulfilled | undefined }>>();
  const isOver = signal && aborted(signal);
  let next = 0;
  while (next < places.length || underWay.size > 0) {
    while (underWay.size < MOST_AT_ONCE && next < places.length) {
      const index = places[next++] as number;
      const asked = answer(index, wishes[index] as Wish).catch(
        (failed: unknown): Fulfilled => ({ index, isFinal: true, failed }),
      );
      underWay.set(
        index,
        asked.then((one) => ({ index, one })),
      );
    }
    const first = await Promise.race([...underWay.values(), ...(isOver ? [isOver] : [])]);
    if (first === undefined) return;
    underWay.delete(first.index);
    if (first.one !== undefined) yield first.one;
  }
}

function patience(waitMs: number | undefined): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController();
  const timer = waitMs === undefined ? undefined : setTimeout(() => controller.abort(), waitMs);
  return { signal: controller.signal, end: () => clearTimeout(timer) };
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

function notYet(): ProofsheetError {
  return new ProofsheetError('overloaded', 'this preview is still to be made; ask again in a moment', {
    retryAfterSeconds: 1,
  });
}
