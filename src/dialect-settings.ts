// From the configuration to what the dialects are given.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Config } from './config/schema.js';
import type { DialectSettings } from './http/dialects/registry.js';
import { parseContext } from './kernel/image-key.js';

const require = createRequire(import.meta.url);

/** Served as it is published, but for the name of a source map, which browsers would ask us for. */
const VIEWER = 'openseadragon/build/openseadragon/openseadragon.min.js';
const SOURCE_MAP = /\n\/\/# sourceMappingURL=\S+\s*$/;

/** What the Livingdocs API has to know; `port`: where the server listens, once it does. */
export function livingdocsOf(
  { server, fetch, livingdocs }: Pick<Config, 'server' | 'fetch' | 'livingdocs'>,
  port: () => number | undefined,
): NonNullable<DialectSettings['livingdocs']> {
  const { publicUrl, host } = server;
  const ports = new Set([...fetch.ports, ...(fetch.allow ?? []).map((place) => place.port)]);
  return {
    ...livingdocs,
    permitsPort: (given) => ports.has(given),
    publicUrl: publicUrlOf({ publicUrl, host }, () => port() ?? server.port),
  };
}

/** What the dialects have to know beside what all servers do. */
export function facesOf(
  config: Config,
  port: () => number | undefined,
  version: string,
): Required<Pick<DialectSettings, 'livingdocs' | 'imaginary' | 'zoom'>> {
  const context = parseContext(decodeURIComponent(config.imaginary.context ?? ''));
  return { livingdocs: livingdocsOf(config, port), imaginary: { context, version }, zoom: zoomFacesOf(config, port) };
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

function publicUrlOf({ publicUrl, host }: Pick<Config['server'], 'publicUrl' | 'host'>, port: () => number) {
  return () => publicUrl ?? `http://${host.includes(':') ? `[${host}]` : host}:${port()}`;
}
