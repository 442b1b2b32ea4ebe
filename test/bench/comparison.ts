// What a row of the benchmark comes to: ours against a peer or a floor, and the bound that decides. Pure.

/** A number with its unit as the table prints it. */
export interface Figure {
  /** Who or what was measured. */
  readonly name: string;
  readonly value: number;
  readonly unit: Unit;
}

export type Unit = 'requests/s' | 'ms' | 'ms CPU' | 's' | 'MiB' | 'conversions/s' | 'images/s' | 'MiB/s' | 'KiB';

export interface Bound {
  readonly rule: 'at least' | 'at most' | 'under';
  readonly value: number;
}

/** One line of the table. */
export interface Comparison {
  /** Its number in the table. */
  readonly row: number;
  readonly what: string;
  readonly ours: Figure;
  /** What ours is divided by; absent where the bound is on ours itself. */
  readonly peer?: Figure;
  /** The best that any program could do, where the peer is not that already. */
  readonly floor?: Figure;
  /** The median of the rounds' own ratios, ours to peer: drifts of the machine fall out. */
  readonly ratio?: number;
  readonly mustBe: Bound;
  readonly ok: boolean;
}

/** A comparison of two contenders that ran in turn: `ours[i]` and `peer[i]` are of one round. */
export function compare(
  row: number,
  what: string,
  unit: Unit,
  ours: Samples,
  peer: Samples,
  mustBe: Bound,
  floor?: Samples,
): Comparison {
  const ratio = median(ours.values.map((value, round) => value / (peer.values[round] ?? Number.NaN)));
  return {
    row,
    what,
    ours: figure(ours, unit),
    peer: figure(peer, unit),
    ...(floor && { floor: figure(floor, unit) }),
    ratio,
    mustBe,
    ok: holds(ratio, mustBe),
  };
}

/** A comparison whose bound is on our own figure. */
export function measured(row: number, what: string, unit: Unit, ours: Samples, mustBe: Bound): Comparison {
  const value = figure(ours, unit);
  return { row, what, ours: value, mustBe, ok: holds(value.value, mustBe) };
}

/** A comparison whose ratio was worked out over several subjects, e.g. as a geometric mean. */
export function compareRatios(
  row: number,
  what: string,
  ours: Figure,
  peer: Figure,
  ratios: readonly number[],
  mustBe: Bound,
): Comparison {
  const ratio = geometricMean(ratios);
  return { row, what, ours, peer, ratio, mustBe, ok: holds(ratio, mustBe) };
}

/** What one contender came to in every round. */
export interface Samples {
  readonly name: string;
  readonly values: readonly number[];
}

function figure({ name, values }: Samples, unit: Unit): Figure {
  return { name, value: median(values), unit };
}

/** A value that is no number holds no bound. */
export function holds(value: number, { rule, value: limit }: Bound): boolean {
  switch (rule) {
    case 'at least':
      return value >= limit;
    case 'at most':
      return value <= limit;
    case 'under':
      return value < limit;
  }
}

/** `NaN` for no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  const lower = sorted[middle - 1];
  if (upper === undefined) return Number.NaN;
  return sorted.length % 2 === 1 || lower === undefined ? upper : (lower + upper) / 2;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/**
 * Runs each contender in turn, `rounds` times, every second round in reverse, so that all share the machine's moods.
 * Before that each runs once unmeasured: caches fill, and code is compiled. Resolves with the results by contender, in the
 * order of the rounds.
 */
export async function alternate<Name extends string, T>(
  rounds: number,
  contenders: Readonly<Record<Name, () => Promise<T>>>,
): Promise<Record<Name, T[]>> {
  const names = Object.keys(contenders) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<Name, T[]>;
  for (const name of names) await contenders[name]();
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) results[name].push(await contenders[name]());
  }
  return results;
}
