// Where sources may be fetched from, as imaginary's operators write it: hosts with the paths below which they may lie. Pure; addresses
// are the business of whoever dials.
import { type HostRule, hostOf, parseHostRule } from './source-url.js';

/** A host and where a path has to begin. The scheme does not count. */
export interface SourcePrefix {
  /** As `HostRule` has it; with `isSuffix` the domain itself is meant too. */
  readonly host: HostRule;
  /** `/` and everything else: the path is this one or below it; with `isOpen` its characters begin so. */
  readonly path: string;
  readonly isOpen: boolean;
}

/** `*`: everywhere. */
export type SourcePlaces = '*' | readonly SourcePrefix[];

/** `https://example.org/pictures`, `https://*.example.org`, `https://example.org/bucket-*`. Throws `TypeError`. */
export function parseSourcePrefix(text: string): SourcePrefix {
  const [, host = '', rawPath = ''] = /^https?:\/\/([^/]+)(\/[^?#]*)?$/.exec(text) ?? [];
  const isOpen = rawPath.endsWith('*');
  const path = isOpen ? rawPath.slice(0, -1) : rawPath.replace(/\/*$/, '/');
  if (host === '' || path.includes('*') || !URL.canParse(`http://example.org${path}`))
    throw new TypeError(
      'expected a URL prefix like https://example.org/pictures, https://*.example.org or https://example.org/bucket-*',
    );
  return { host: parseHostRule(host), path: new URL(`http://example.org${path}`).pathname, isOpen };
}

export function isWithin(url: URL, places: SourcePlaces): boolean {
  if (places === '*') return true;
  return places.some(({ host: rule, path, isOpen }) => {
    const host = hostOf(url);
    const isHost = host === rule.host || (rule.isSuffix && host.endsWith(`.${rule.host}`));
    if (!isHost || (rule.port !== undefined && String(rule.port) !== portText(url))) return false;
    return isOpen ? url.pathname.startsWith(path) : `${url.pathname}/`.startsWith(path);
  });
}

/** The hosts of them, for every hop of a fetch; `undefined`: all. */
export function hostRulesOf(places: SourcePlaces): readonly HostRule[] | undefined {
  if (places === '*') return undefined;
  return places.flatMap(({ host }) => (host.isSuffix ? [host, { ...host, isSuffix: false }] : [host]));
}

function portText({ port, protocol }: URL): string {
  return port === '' ? (protocol === 'https:' ? '443' : '80') : port;
}
