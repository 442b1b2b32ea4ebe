// Links to single things of the library, signed and judged by the keys and the clock of this server.
import type { UrlKey } from '../kernel/credentials.js';
import { judgeLink, type LinkKind, type LinkQuery, linkQuery } from '../kernel/library/signed-link.js';
import type { Clock } from '../kernel/ports/clock.js';

/** Of one kind: how long they hold at least, and, so that a link is the same for a while, in which steps they end; in s. */
const LIFE: Readonly<Record<LinkKind, { readonly seconds: number; readonly step: number }>> = {
  upload: { seconds: 3_600, step: 1 },
  preview: { seconds: 28_800, step: 600 },
};

export class Links {
  constructor(
    /** Asked every time, so that they can be replaced while the server runs. */
    private readonly keys: () => readonly UrlKey[],
    private readonly clock: Clock,
  ) {}

  /** The query that opens `parts`; `undefined` without a key to sign by. */
  query(kind: LinkKind, parts: readonly string[]): string | undefined {
    const [key] = this.keys();
    const { seconds, step } = LIFE[kind];
    const expires = Math.ceil(this.clock.now() / 1_000 / step) * step + seconds;
    return key && linkQuery({ kind, parts, expires }, key);
  }

  judge(kind: LinkKind, parts: readonly string[], query: LinkQuery): 'right' | 'wrong' | 'expired' {
    return judgeLink(kind, parts, query, this.keys(), this.clock.now());
  }

  /** Whole seconds until `expires`, 0 or more. */
  secondsLeft({ expires }: LinkQuery): number {
    return Math.max(0, Math.floor(Number(expires) - this.clock.now() / 1_000));
  }
}
