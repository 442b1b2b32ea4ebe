// What may be seen of a key while some overwrite, upload, clear, evict and read it at the same time: each of them happens at one
// moment between its beginning and its end. Knows nothing of stores.

/** `undefined`: nothing is there. */
export type Value = 'old' | 'red' | 'blue' | undefined;

export interface Done {
  readonly what: 'read' | 'overwrite' | 'upload again' | 'clear' | 'evict' | 'unkeep' | 'sweep';
  readonly node: number;
  /** Moments of one clock, all different. */
  readonly started: number;
  readonly ended: number;
  /** What was written or read. */
  readonly value: Value;
  /** The upload was acknowledged. */
  readonly stored: boolean;
}

type Span = Pick<Done, 'started' | 'ended'>;

const before = (one: Span, other: Span) => one.ended < other.started;
/** What stood there first: old, and with its previews lost, so that whoever reads it may remove it. */
const FIRST: Span = { started: -2, ended: -1 };
const AFTER_ALL: Span = { started: Number.POSITIVE_INFINITY, ended: Number.POSITIVE_INFINITY };

/**
 * Every rule that is broken. Eviction takes what was used longest ago, and there is always something used earlier than an
 * overwrite: so it explains why what stood there first, or was found there by an upload, is gone, but no loss of an overwrite.
 */
export function faultsOf(done: readonly Done[], last: Value): string[] {
  const final = { what: 'read', node: -1, value: last, stored: false, ...AFTER_ALL } as const;
  return [...done.filter(({ what }) => what === 'read'), final].flatMap((read) => {
    // News of another node's changes may be on its way; in the end all of it has been heard.
    const known = (change: Done) => read === final || change.node === read.node;
    const fault = read.value === undefined ? faultOfAbsence(done, read, known) : faultOfValue(done, read, known);
    return fault === undefined ? [] : [`${read === final ? 'in the end' : `a read at ${read.started}`} ${fault}`];
  });
}

function faultOfAbsence(done: readonly Done[], read: Span, known: (change: Done) => boolean): string | undefined {
  const takes = (what: Done['what']) => done.filter((one) => one.what === what && !before(read, one));
  const isExplained = (write: Done) =>
    takes('clear').some((clear) => !before(clear, write)) ||
    // It may have found the group as it stood, which eviction or whoever saw its loss takes for that of before.
    (write.what === 'upload again' && takes('evict').some((evict) => !before(evict, write)));
  const lost = done.find((write) => write.stored && before(write, read) && known(write) && !isExplained(write));
  return lost && `nothing is there, though ${lost.value} was acknowledged at ${lost.ended}`;
}

function faultOfValue(
  done: readonly Done[],
  read: Span & { readonly value: Value },
  known: (change: Done) => boolean,
): string | undefined {
  // Whatever must have happened between a write and the read replaces what it wrote.
  const replaced = (write: Span) =>
    done.some(
      (one) =>
        (one.what === 'clear' || one.what === 'overwrite') && known(one) && before(write, one) && before(one, read),
    );
  const writers: Span[] = done.filter(
    (one) =>
      one.value === read.value &&
      !before(read, one) &&
      (one.what === 'overwrite' || (one.what === 'upload again' && !mustHaveKept(done, one, read, known))),
  );
  if (read.value === 'old') writers.push(FIRST);
  return writers.some((write) => !replaced(write)) ? undefined : `${read.value} is there, which was replaced before`;
}

/**
 * An upload writes where nothing is, or again what is there: so nothing of it shows behind an overwrite, whichever of the two came first,
 * unless something could have taken the overwrite away in between.
 */
function mustHaveKept(done: readonly Done[], upload: Done, read: Span, known: (change: Done) => boolean): boolean {
  return done.some(
    (write) =>
      write.what === 'overwrite' &&
      ((before(write, upload) && write.node === upload.node) || (before(write, read) && known(write))) &&
      !done.some((clear) => clear.what === 'clear' && !before(clear, write) && !before(upload, clear)),
  );
}
