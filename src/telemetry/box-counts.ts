// Which boxes are asked for and what answers them, for a label whose values nobody can list beforehand: the most frequent pairs by
// name, all others together. Bounded, and what is told never goes back.
import type { Format, PreviewType } from '../kernel/format.js';
import { BOXES, METRIC_PREFIX, NAMED_BOXES, OTHER } from './metric-table.js';
import type { MetricFamily } from './snapshot.js';

/** Pairs that are counted, so that one of them may become a named one. */
const MAX_KNOWN = 1_000;
/** A pair takes the place of another once it is asked for so much more often: or two alike would take turns. */
const CLEARLY_MORE = 1.1;

export const BOXES_METRIC = `${METRIC_PREFIX}boxes_total`;

/** `asked` and `answered` as `200x150~cover`: the boxes of a request and of the target format that answered it. */
export interface BoxPair {
  readonly asked: string;
  readonly answered: string;
  readonly type: PreviewType;
}

/** The box of a format as it is told: without type, flags and quality. */
export function boxText({ widthPx, heightPx, scaleType }: Pick<Format, 'widthPx' | 'heightPx' | 'scaleType'>): string {
  return `${widthPx}x${heightPx}${scaleType === 'contain' ? '' : `~${scaleType}`}`;
}

/** One pair, for whoever answers it again and again: keep it, and adding is two additions. */
export class BoxCount {
  /** Times it was asked for since it was known. */
  times = 0;
  /** Those told under its own name; `undefined` while it has none. */
  named: number | undefined;

  constructor(
    readonly pair: BoxPair,
    private readonly table: BoxCounts,
  ) {}

  add(): void {
    this.times++;
    if (this.named !== undefined) this.named++;
    else this.table.addOther(this);
  }
}

export class BoxCounts {
  private readonly known = new Map<string, BoxCount>();
  private readonly named = new Set<BoxCount>();
  private others = 0;
  /** What the least frequent of the named ones had when it was looked at last: they only grow. */
  private least = 0;

  of(pair: BoxPair): BoxCount {
    const key = `${pair.asked} ${pair.answered} ${pair.type}`;
    const there = this.known.get(key);
    if (there) return there;
    if (this.known.size >= MAX_KNOWN) this.forgetOne();
    const count = new BoxCount(pair, this);
    this.known.set(key, count);
    return count;
  }

  /** Counts one of a pair without a name, which may get one. */
  addOther(count: BoxCount): void {
    if (this.named.size < NAMED_BOXES || this.takesAName(count)) this.name(count, 1);
    else this.others++;
  }

  /** Whether the rarest of the named ones has just lost its name to this one. */
  private takesAName(count: BoxCount): boolean {
    if (count.times <= this.least * CLEARLY_MORE) return false;
    const rarest = [...this.named].reduce((a, b) => (b.times < a.times ? b : a));
    this.least = rarest.times;
    if (count.times <= rarest.times * CLEARLY_MORE) return false;
    // What was told under its name goes to the others: no figure gets less.
    this.others += rarest.named ?? 0;
    rarest.named = undefined;
    this.named.delete(rarest);
    return true;
  }

  family(): MetricFamily {
    const sample = (labels: BoxPair | Record<keyof BoxPair, typeof OTHER>, value: number) => ({
      name: BOXES_METRIC,
      labels: { ...labels },
      value,
    });
    return {
      name: BOXES_METRIC,
      help: BOXES.boxes_total.help,
      type: 'counter',
      merge: 'sum',
      samples: [
        ...[...this.named].map(({ pair, named }) => sample(pair, named ?? 0)),
        sample({ asked: OTHER, answered: OTHER, type: OTHER }, this.others),
      ],
    };
  }

  private name(count: BoxCount, times: number): void {
    count.named = times;
    this.named.add(count);
  }

  /** The rarest without a name makes room for a new one; whoever still keeps it adds to the others. */
  private forgetOne(): void {
    let rarest: [string, BoxCount] | undefined;
    for (const entry of this.known)
      if (entry[1].named === undefined && entry[1].times < (rarest?.[1].times ?? Number.POSITIVE_INFINITY))
        rarest = entry;
    if (rarest) this.known.delete(rarest[0]);
  }
}
