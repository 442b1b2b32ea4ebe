// By which URL answers name this server, the same for every face.
import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { livingdocsOf, zoomFacesOf } from '../../src/dialect-settings.js';

const SERVER = { host: '127.0.0.1', port: 8005, trustProxyHops: 0, publicUrl: undefined, tlsPort: undefined };
const ASKED = 'https://pictures.example:8443';

function urlsOf(server: object) {
  const config = {
    server: { ...SERVER, ...server },
    fetch: { ports: [80, 443] },
    livingdocs: { imageService: 'imgix' },
  } as unknown as Parameters<typeof livingdocsOf>[0];
  const faces = [livingdocsOf(config, () => 9000), zoomFacesOf(config, () => 9000)];
  return faces.map(({ publicUrl }) => [publicUrl(ASKED), publicUrl()]);
}

const both = (asked: string, own: string) => [
  [asked, own],
  [asked, own],
];

test.each([
  [
    'what is set, whatever a client says',
    { publicUrl: 'https://a.example', host: '0.0.0.0' },
    'https://a.example',
    'https://a.example',
  ],
  ['the one place where it listens', {}, 'http://127.0.0.1:9000', 'http://127.0.0.1:9000'],
  ['the same of IPv6', { host: '::1' }, 'http://[::1]:9000', 'http://[::1]:9000'],
  ['as a client asks, by TLS too', { tlsPort: 8443 }, ASKED, 'http://127.0.0.1:9000'],
  ['as a client asks, behind a proxy that is trusted', { trustProxyHops: 1 }, ASKED, 'http://127.0.0.1:9000'],
  ['as a client asks, on every interface', { host: '0.0.0.0' }, ASKED, `http://${hostname()}:9000`],
  ['the same of IPv6, and no wildcard for a name', { host: '::' }, ASKED, `http://${hostname()}:9000`],
])('%s', (_what, server, asked, own) => {
  expect(urlsOf(server)).toEqual(both(asked, own));
});
