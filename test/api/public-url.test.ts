// Absolute URLs in answers of the library's faces: without a URL that is set, they lead where the client came by.
import { afterEach, expect, it } from 'vitest';
import { rawRequest } from '../support/http-client.js';
import { BOTH, type LibraryEdge, startLibraryEdge } from '../support/library-edge.js';
import { jpegOf } from '../support/test-images.js';

let edge: LibraryEdge;
afterEach(() => edge?.close());

const start = (settings: object) =>
  startLibraryEdge(
    { organizationNumber: 100 },
    {
      dialects: [{ name: 'livingdocs' }, { name: 'mediagraph' }],
      publicUrl: (origin) => origin ?? 'http://own.invalid',
      settings,
    },
  );

async function asked(host: string, verb: string, path: string, body?: object, more = ''): Promise<string> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const lines = [
    `${verb} ${path} HTTP/1.1`,
    `Host: ${host}`,
    `Authorization: Bearer ${BOTH}`,
    'OrganizationId: 100',
    'Content-Type: application/json',
    `Content-Length: ${text.length}`,
    'Connection: close',
  ];
  const answer = await rawRequest(edge.server.origin, `${lines.join('\r\n')}\r\n${more}\r\n${text}`);
  expect(answer.status, answer.body).toBeLessThan(300);
  return answer.body;
}

/** Where the URLs of an answer lead. */
const originsIn = (text: string): readonly string[] => [
  ...new Set([...text.matchAll(/https?:[^"\s]+/g)].map(([url]) => new URL(url).origin)),
];

async function importedAt(host: string): Promise<string> {
  edge.fetcher.answers.set('/cat.jpg', await jpegOf(64, 48));
  const images = [{ url: 'https://origin.test/cat.jpg', id: 'cat', fileName: 'cat', metadata: {} }];
  const sent = await asked(host, 'POST', '/livingdocs/api/v1/import/images', { systemName: 'agency', images });
  await edge.work();
  return (JSON.parse(sent) as { id: string }).id;
}

it('name the host by which each of two clients asks, of one and the same picture', async () => {
  edge = await start({});
  const id = await importedAt('inner:8005');
  for (const host of ['inner:8005', 'pictures.example', 'inner:8005'])
    for (const path of [
      `/livingdocs/api/v1/import/images/status?id=${id}`,
      '/livingdocs/api/v1/mediaLibrary',
      '/mediagraph/api/assets/search?include_renditions=true',
      '/mediagraph/api/assets/1',
    ])
      expect(originsIn(await asked(host, 'GET', path)), path).toEqual([`http://${host}`]);
});

it('name the scheme that a trusted proxy was asked by, and no host but the one that caches know the answer by', async () => {
  const forwarded = 'X-Forwarded-Proto: https\r\nX-Forwarded-Host: liar.example\r\n';
  for (const [trustProxyHops, origin] of [
    [1, 'https://pictures.example'],
    [0, 'http://pictures.example'],
  ] as const) {
    edge = await start({ trustProxyHops });
    const id = await importedAt('inner:8005');
    const status = `/livingdocs/api/v1/import/images/status?id=${id}`;
    expect(originsIn(await asked('pictures.example', 'GET', status, undefined, forwarded))).toEqual([origin]);
    await edge.close();
  }
});
