// Why Redis cannot be used, in words for whoever can mend it: each said once until it works again, and never with what was
// sent, since that may be a password.
import type { Logger } from '../../kernel/ports/logger.js';

export interface Trouble {
  readonly reason: string;
  /** A server that is there does not want us as we are: waiting mends nothing. */
  readonly isRefusal: boolean;
}

const REFUSALS: readonly (readonly [answer: RegExp, reason: string])[] = [
  [
    /^(?:WRONGPASS|NOAUTH)\b|^ERR (?:invalid password|AUTH\b|Client sent AUTH)/,
    'the password or the user is wrong, or there should be none or one: see PROOFSHEET_REDIS_PASSWORD, PROOFSHEET_REDIS_USER and PROOFSHEET_REDIS_URL',
  ],
  [/^NOPERM\b|^ERR ACL failure/, 'the user lacks rights, which docs/CLUSTER.md names: see PROOFSHEET_REDIS_USER'],
  [/^ERR (?:invalid DB|DB index)/, 'there is no database of this number: see PROOFSHEET_REDIS_URL'],
  [/^NOPROTO\b|^ERR unknown (?:sub)?command/, 'it knows not all commands that are needed: Redis 6.2 or newer has them'],
  [/^ERR This instance has cluster support disabled/, 'it is no Cluster: see PROOFSHEET_REDIS_URL'],
];

const TLS_CODES = /^(?:ERR_(?:TLS|SSL)|EPROTO$|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH)/;

/** What an error of the client means. */
export function troubleOf(error: unknown): Trouble {
  const message = error instanceof Error ? error.message : '';
  const refusal = REFUSALS.find(([answer]) => answer.test(message));
  if (refusal) return { reason: `${/^[A-Z]+/.exec(message)?.[0]}: ${refusal[1]}`, isRefusal: true };
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (TLS_CODES.test(code))
    return {
      reason: `${code}: TLS does not come about, see PROOFSHEET_REDIS_URL (rediss:// or redis://) and PROOFSHEET_REDIS_CA_FILE`,
      isRefusal: true,
    };
  const name = code || (error instanceof Error ? error.constructor.name : 'unknown');
  // So it looks when one side speaks TLS and the other does not, but also when a server is late or ends.
  const hint = /^(?:ConnectionTimeout|SocketClosed|ECONNRESET)/.test(name)
    ? ' (is it rediss:// or redis:// there?)'
    : '';
  return { reason: name + hint, isRefusal: false };
}

/** Servers repeat the arguments of what they do not understand: a password, or an image key. */
export function withoutArguments(error: unknown): unknown {
  if (!(error instanceof Error) || !/with args beginning with/.test(error.message)) return error;
  return new Error(error.message.replace(/,? with args beginning with.*/s, ''));
}

export class Troubles {
  private readonly told = new Set<string>();
  private everUsed = false;
  private refusedFor: string | undefined;
  /** Resolves when a server has refused us: who waits for it to be of use need not wait any longer. */
  readonly firstRefusal: Promise<void>;
  private tellFirstRefusal: () => void = () => {};

  constructor(private readonly logger: Logger) {
    this.firstRefusal = new Promise((resolve) => {
      this.tellFirstRefusal = resolve;
    });
  }

  /** Why it has never been of use so far, when it was a refusal. */
  get refusal(): string | undefined {
    return this.everUsed ? undefined : this.refusedFor;
  }

  /** A connection failed, or could not be opened. */
  connection(error: unknown): void {
    this.logger.debug({ error: withoutArguments(error) }, 'a connection to Redis failed');
    const { reason, isRefusal } = troubleOf(error);
    if (isRefusal) this.refused(reason);
    // Later it is told as the shared tier being away.
    else if (!this.everUsed) this.tell(reason, 'no connection to Redis yet');
  }

  /** A command failed. */
  command(error: unknown): void {
    const { reason, isRefusal } = troubleOf(error);
    if (isRefusal) this.refused(reason);
  }

  /** It can be used. */
  over(): void {
    this.everUsed = true;
    this.refusedFor = undefined;
    this.told.clear();
  }

  private refused(reason: string): void {
    this.refusedFor = reason;
    this.tellFirstRefusal();
    this.tell(reason, 'Redis refuses us');
  }

  /** As many as there are reasons: a handful of codes. */
  private tell(reason: string, message: string): void {
    if (this.told.has(reason)) return;
    this.told.add(reason);
    this.logger.warn({ reason }, message);
  }
}
