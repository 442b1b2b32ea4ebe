// What can be said of a URL that a user names before anything is asked of the network: its form, its scheme, its port, and
// whether a list of hosts has it. Pure; addresses are the business of whoever dials.

/** Longest URL that is taken, in characters. */
export const MAX_SOURCE_URL_CHARACTERS = 2_048;

export const URL_FAULTS = ['form', 'length', 'scheme', 'user-info', 'port'] as const;
/** What is wrong with a URL, in the order of looking. */
export type UrlFault = (typeof URL_FAULTS)[number];

/** The ports of http and https, and those that settings add. */
export type PortRule = (port: number) => boolean;

/** An exact host, with a port where only that one is meant, or everything below a domain. */
export interface HostRule {
  /** As `URL` writes host names: lower-case, punycode, IPv6 in brackets; no dot at the end. */
  readonly host: string;
  /** `*.example.com`: below `host`, and not `host` itself. */
  readonly isSuffix: boolean;
  readonly port?: number;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** `text` as a URL without its fragment, or what is wrong with it. What `URL` makes of it is what counts, never the text. */
export function parseSourceUrl(text: string, allowsPort: PortRule): URL | UrlFault {
  if (text.length > MAX_SOURCE_URL_CHARACTERS) return 'length';
  // `URL` drops tabs, line ends and outer blanks in silence: two readers of such a text could see two URLs.
  if (/[\p{Cc}\p{Cs}]/u.test(text) || text.trim() !== text || !URL.canParse(text)) return 'form';
  const url = new URL(text);
  if (DEFAULT_PORTS[url.protocol] === undefined) return 'scheme';
  if (url.hostname === '') return 'form';
  if (url.username !== '' || url.password !== '') return 'user-info';
  if (!allowsPort(portOf(url))) return 'port';
  url.hash = '';
  return url;
}

/** The port of an http or https URL. */
export function portOf(url: URL): number {
  return url.port === '' ? (DEFAULT_PORTS[url.protocol] ?? 0) : Number(url.port);
}

/** The host as it is compared: a dot at the end is the same name to every resolver. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/\.+$/, '');
}

/** `host`, `host:port` or `*.suffix`. Throws `TypeError` without repeating it. */
export function parseHostRule(text: string): HostRule {
  const isSuffix = text.startsWith('*.');
  const rest = isSuffix ? text.slice(2) : text;
  const url = rest !== '' && URL.canParse(`http://${rest}/`) ? new URL(`http://${rest}/`) : undefined;
  const isPlain =
    url !== undefined && url.pathname === '/' && url.search === '' && url.hash === '' && !/[/\\@?#\s*]/.test(rest);
  // Port 80 is dropped by `URL`, so it is read from the text.
  const port = /:(\d{1,5})$/.exec(rest.replace(/^\[.*\]/, ''))?.[1];
  if (!isPlain || url.username !== '' || (isSuffix && port !== undefined))
    throw new TypeError('expected a host, host:port or *.domain');
  return { host: hostOf(url), isSuffix, ...(port !== undefined && { port: Number(port) }) };
}

/** Whether one of `rules` means this host and port. */
export function isListed(url: URL, rules: readonly HostRule[]): boolean {
  const host = hostOf(url);
  const port = portOf(url);
  return rules.some(
    (rule) =>
      (rule.isSuffix ? host.endsWith(`.${rule.host}`) : host === rule.host) &&
      (rule.port === undefined || rule.port === port),
  );
}

/** What may stand in a log line of a URL: its query may hold secrets. */
export function loggedUrl(url: URL): { readonly host: string; readonly path: string } {
  return { host: url.host, path: url.pathname };
}
