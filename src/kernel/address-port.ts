// An exact address with a port, as settings name the places that may be dialled although they are private. Pure.

export interface AddressPort {
  /** Dotted IPv4, or IPv6 without brackets, as `URL` writes it. */
  readonly address: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** `127.0.0.1:8080` or `[::1]:8080`; no names, no ranges. Throws `TypeError`. */
export function parseAddressPort(text: string): AddressPort {
  const [, host = '', digits = ''] = /^(\[[0-9a-f:.]+\]|[0-9.]+):([0-9]{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  const written = URL.canParse(`http://${host}/`) ? new URL(`http://${host}/`).hostname : '';
  // `URL` takes `127.1` and octal for addresses; whoever allows something should have written what is meant.
  const isExact = host.startsWith('[') ? written.startsWith('[') : written === host;
  if (!isExact || !(port >= 1 && port <= 65_535))
    throw new TypeError('expected ADDRESS:PORT with an IPv4 address or an IPv6 address in brackets');
  return { address: written.replace(/^\[|\]$/g, ''), port };
}
