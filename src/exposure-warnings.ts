// What an operator is told at the start of what a configuration lets others do or see, where that may be by oversight.
import type { Config } from './config/schema.js';
import type { DialectName } from './kernel/dialect-names.js';

export interface ExposureWarning {
  readonly facts: Readonly<Record<string, string>>;
  readonly message: string;
}

/** Dialects whose answers hold absolute URLs of this server. */
const TELLS_URLS: ReadonlySet<DialectName> = new Set(['livingdocs', 'mediagraph', 'dzi', 'iiif', 'zoomhub', 'micrio']);
const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);
const LOOPBACK = /^(?:localhost|127\.|::1$)/;

export function exposureWarnings({ server, zoomhub }: Pick<Config, 'server' | 'zoomhub'>): readonly ExposureWarning[] {
  const { host, publicUrl, dialects } = server;
  const telling = dialects.map(({ name }) => name).filter((name) => TELLS_URLS.has(name));
  const warnings: ExposureWarning[] = [];
  if (publicUrl === undefined && EVERYWHERE.has(host) && telling.length > 0)
    warnings.push({
      facts: { host, dialects: telling.join(', ') },
      message:
        'the server listens on every interface and PROOFSHEET_PUBLIC_URL is not set: absolute URLs in answers name the Host that a client asks by, and those in webhooks the name of this machine',
    });
  const isShut = zoomhub.tenant === undefined || !dialects.some(({ name }) => name === 'zoomhub');
  if (!isShut && zoomhub.takesNew && !LOOPBACK.test(host))
    warnings.push({
      facts: { host, tenant: zoomhub.tenant ?? '' },
      message:
        'zoomhub takes new content from whoever reaches the server: each URL that is asked for is fetched and kept in the library of the tenant, within its quota and hosts',
    });
  if (!isShut && zoomhub.takesUploads && !LOOPBACK.test(host))
    warnings.push({
      facts: { host, tenant: zoomhub.tenant ?? '' },
      message:
        'zoomhub takes files from whoever reaches the server, and keeps them in the library of the tenant, within its quota',
    });
  return warnings;
}
