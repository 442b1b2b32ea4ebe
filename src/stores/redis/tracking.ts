// Invalidation in band: the server tells every connection of ours which tracked keys changed. It plugs in where the client
// expects a client-side cache, because only there it is set up again on each connection, before any command of ours.
import { BasicPooledClientSideCache } from '@redis/client';

export interface TrackingListener {
  /** A tracked key changed, expired or was evicted; `undefined`: all may have. */
  invalidated(key: string | undefined): void;
  /** A connection was lost, or the topology changed: changes may have been missed from here on. */
  lost(): void;
}

type HandleCache = BasicPooledClientSideCache['handleCache'];

/** Caches nothing itself. BCAST mode: the server remembers prefixes, not keys, so that it needs no memory per entry. */
export class Tracking extends BasicPooledClientSideCache {
  constructor(
    private readonly prefixes: readonly string[],
    private readonly listener: TrackingListener,
  ) {
    super({ recordStats: false });
  }

  override trackingOn(): string[] {
    return ['CLIENT', 'TRACKING', 'ON', 'BCAST', ...this.prefixes.flatMap((prefix) => ['PREFIX', prefix])];
  }

  override invalidate(key: Parameters<BasicPooledClientSideCache['invalidate']>[0]): void {
    this.listener.invalidated(key === null ? undefined : key.toString());
  }

  /** Every command goes to the server: what may be remembered is decided elsewhere. */
  override async handleCache(
    _client: Parameters<HandleCache>[0],
    parser: Parameters<HandleCache>[1],
    fn: Parameters<HandleCache>[2],
    transformReply?: Parameters<HandleCache>[3],
    typeMapping?: Parameters<HandleCache>[4],
  ): ReturnType<HandleCache> {
    const reply = await fn();
    return transformReply ? transformReply(reply, parser.preserve, typeMapping) : reply;
  }

  override clear(): void {
    // The constructor of the base class clears too, before there is a listener.
    this.listener?.lost();
  }

  override onError(): void {
    this.listener.lost();
  }

  override onClose(): void {
    this.listener.lost();
  }

  override onPoolClose(): void {
    this.listener.lost();
  }
}
