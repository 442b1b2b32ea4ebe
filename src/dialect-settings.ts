// From the configuration to what the dialects are given.
import type { Config } from './config/schema.js';
import type { DialectSettings } from './http/dialects/registry.js';
import { parseContext } from './kernel/image-key.js';

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
    publicUrl: () => publicUrl ?? `http://${host.includes(':') ? `[${host}]` : host}:${port() ?? server.port}`,
  };
}

/** What the dialects have to know beside what all servers do. */
export function facesOf(
  config: Config,
  port: () => number | undefined,
  version: string,
): Required<Pick<DialectSettings, 'livingdocs' | 'imaginary'>> {
  const context = parseContext(decodeURIComponent(config.imaginary.context ?? ''));
  return { livingdocs: livingdocsOf(config, port), imaginary: { context, version } };
}
