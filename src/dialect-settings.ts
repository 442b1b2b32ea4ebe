// From the configuration to what the dialects are given.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { ConfigError } from './config/config-error.js';
import type { Config } from './config/schema.js';
import type { PublicUrl } from './http/dialects/public-url.js';
import type { DialectSettings } from './http/dialects/registry.js';
import type { ExactPolicy } from './kernel/exact.js';
import { parseFormat } from './kernel/format.js';
import { parseContext } from './kernel/image-key.js';
import type { RemoteSources } from './remote-sources.js';
import { errnoOf } from './stores/embedded/storage-errors.js';

const require = createRequire(import.meta.url);

/** Served as it is published, but for the name of a source map, which browsers would ask us for. */
const VIEWER = 'openseadragon/build/openseadragon/openseadragon.min.js';
const SOURCE_MAP = /\n\/\/# sourceMappingURL=\S+\s*$/;

const EVERYWHERE = ['0.0.0.0', '::'];

/** What the Livingdocs API has to know; `port`: where the server listens, once it does. */
export function livingdocsOf(
  { server, fetch, livingdocs }: Pick<Config, 'server' | 'fetch' | 'livingdocs'>,
  port: () => number | undefined,
): NonNullable<DialectSettings['livingdocs']> {
  const ports = new Set([...fetch.ports, ...(fetch.allow ?? []).map((place) => place.port)]);
  return {
    ...livingdocs,
    permitsPort: (given) => ports.has(given),
    publicUrl: publicUrlOf(server, () => port() ?? server.port),
  };
}

/** What imaginary has to know of GETs; throws a `ConfigError` where the placeholder cannot be read. */
function imaginaryOf(
  { imaginary: { sources, cacheTtlSeconds, placeholder }, limits: { maxSourceBytes: maxBytes } }: Config,
  remote: Pick<RemoteSources, 'fetcher'>,
  permitsPort: (port: number) => boolean,
): Omit<NonNullable<DialectSettings['imaginary']>, 'context' | 'version' | 'signKey'> {
  const places = sources?.includes('*') ? ('*' as const) : sources?.filter((place) => place !== '*');
  return {
    ...(places && { remote: { places, permitsPort, maxBytes, fetcher: () => remote.fetcher } }),
    ...(cacheTtlSeconds !== undefined && { cacheTtlSeconds }),
    ...(placeholder !== undefined && { placeholder: placeholderAt(placeholder) }),
  };
}

function placeholderAt(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const what = `expected the path of a file that can be read, got ${JSON.stringify(path)} (${errnoOf(error) ?? 'unknown'})`;
    throw new ConfigError([{ key: 'imaginary.placeholder', env: 'PROOFSHEET_IMAGINARY_PLACEHOLDER', what }]);
  }
}

/** What the dialects have to know beside what all servers do. `signKey`: imaginary's, as it holds when it is asked. */
export function facesOf(
  config: Config,
  port: () => number | undefined,
  version: string,
  remote: Pick<RemoteSources, 'fetcher'>,
  signKey = (): string | undefined => config.imaginary.signKey,
): Required<
  Pick<DialectSettings, 'livingdocs' | 'mediagraph' | 'imaginary' | 'zoom' | 'zoomhub' | 'micrio' | 'exact'>
> {
  const context = parseContext(decodeURIComponent(config.imaginary.context ?? ''));
  const zoom = zoomFacesOf(config, port);
  const livingdocs = livingdocsOf(config, port);
  const { tenant, takesNew, takesUploads, requiresEmail } = config.zoomhub;
  return {
    livingdocs,
    mediagraph: { publicUrl: zoom.publicUrl, permitsPort: livingdocs.permitsPort },
    imaginary: { context, version, signKey, ...imaginaryOf(config, remote, livingdocs.permitsPort) },
    zoom,
    exact: exactOf(config),
    micrio: { publicUrl: zoom.publicUrl, permitsPort: livingdocs.permitsPort },
    zoomhub: {
      ...zoom,
      permitsPort: livingdocs.permitsPort,
      version,
      takesNew,
      takesUploads,
      requiresEmail,
      ...(tenant !== undefined && { tenant }),
    },
  };
}

/** Target formats are made anyway. */
function exactOf({ drawing, sequence }: Pick<Config, 'drawing' | 'sequence'>): ExactPolicy {
  const formats = [...sequence.targetFormats, ...(drawing.exactFormats ?? [])].map((text) => parseFormat(text).text);
  return { rule: drawing.exact, formats };
}

/** What the faces of deep zoom have to know. */
export function zoomFacesOf(
  { server }: Pick<Config, 'server'>,
  port: () => number | undefined,
): NonNullable<DialectSettings['zoom']> {
  let script: string | undefined;
  return {
    publicUrl: publicUrlOf(server, () => port() ?? server.port),
    viewerScript() {
      script ??= readFileSync(require.resolve(VIEWER), 'utf8').replace(SOURCE_MAP, '');
      return script;
    },
  };
}

/**
 * Where a server can be reached in more ways than one, by any interface, by TLS beside plain HTTP or by a proxy, URLs name the way by
 * which a client asks; where there is one way alone, it, whatever a client says.
 */
function publicUrlOf(
  {
    publicUrl,
    host,
    tlsPort,
    trustProxyHops,
  }: Pick<Config['server'], 'publicUrl' | 'host' | 'tlsPort' | 'trustProxyHops'>,
  port: () => number,
): PublicUrl {
  const isEverywhere = EVERYWHERE.includes(host);
  const hasMoreWays = isEverywhere || tlsPort !== undefined || trustProxyHops > 0;
  const name = isEverywhere ? hostname() : host.includes(':') ? `[${host}]` : host;
  return (origin) => publicUrl ?? ((hasMoreWays && origin) || `http://${name}:${port()}`);
}
