// From a host name to its addresses. By c-ares and not by the system's getaddrinfo, which libuv does with two threads at most:
// two names whose servers never answer would keep every other name waiting for as long as they hang.
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';

/** The addresses of a name, in the order they are to be tried; never empty. Rejects with a DNS error (`code`). */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

export interface LookupOptions {
  /** For one question to one server, in ms; it is asked twice. */
  readonly timeoutMs: number;
  /** Names that are not asked of DNS, as the system has them. */
  readonly hostsPath?: string;
}

const HOSTS_PATH = '/etc/hosts';
/** IPv4 first: where there is no way to it, connecting fails at once; the other way round it may hang. */
const LOOPBACK = ['127.0.0.1', '::1'] as const;

export function createResolve({ timeoutMs, hostsPath = HOSTS_PATH }: LookupOptions): Resolve {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
  return async (hostname) => {
    const name = hostname.toLowerCase().replace(/\.$/, '');
    // RFC 6761, section 6.3: never asked of DNS.
    if (name === 'localhost' || name.endsWith('.localhost')) return LOOPBACK;
    const known = addressesIn(await readFile(hostsPath, 'utf8').catch(() => ''), name);
    if (known.length > 0) return known;
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (addresses.length > 0) return addresses;
    const [failed] = answers.filter((answer) => answer.status === 'rejected');
    throw failed?.reason ?? Object.assign(new Error('the name has no address'), { code: 'ENODATA' });
  };
}

/** What a hosts file says of a name: `ADDRESS NAME...` by line, comments behind a #. */
export function addressesIn(hosts: string, name: string): readonly string[] {
  return hosts.split('\n').flatMap((line) => {
    const [address = '', ...names] = (line.split('#', 1)[0] ?? '').trim().toLowerCase().split(/\s+/);
    return names.includes(name) ? [address] : [];
  });
}
