// Sources by URL for those who draw of them at once: one guarded fetcher a process, opened once there is a place for its files.
import type { Config } from './config/schema.js';
import type { Outbound, OutboundPlaces } from './outbound/open-outbound.js';
import { outboundSettingsOf, ownPlaces } from './outbound-settings.js';

export class RemoteSources {
  private outbound: Outbound | undefined;

  constructor(private readonly config: Config) {}

  /** Does nothing where nobody may name URLs. `ports`: those that this server listens on, which are never dialled. */
  async open(places: Omit<OutboundPlaces, 'own'>, ports: () => readonly number[]): Promise<void> {
    if (this.config.imaginary.sources === undefined) return;
    // A hundred modules, a tenth of what a start takes, for the few servers that fetch.
    const { openOutbound } = await import('./outbound/open-outbound.js');
    this.outbound = openOutbound(outboundSettingsOf(this.config), { ...places, own: ownPlaces(ports) });
  }

  get fetcher(): Outbound['fetcher'] {
    if (this.outbound === undefined) throw new Error('expected sources by URL to be open');
    return this.outbound.fetcher;
  }

  async close(): Promise<void> {
    await this.outbound?.close();
  }
}
