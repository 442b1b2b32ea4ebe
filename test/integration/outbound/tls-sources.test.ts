// Sources by TLS: the certificate has to be the name's, whatever address it leads to, and nothing leads back to plain HTTP.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Origin, startOrigin, startTlsOrigin } from '../../support/origins.js';
import { startOutbound, type TestOutbound } from '../../support/outbound.js';
import { run } from '../../support/processes.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { requireTool } from '../../support/tools.js';

let dir: TempDir;
let plain: Origin;
let host: Origin;
let ca: string;
let out: TestOutbound | undefined;

beforeAll(async () => {
  dir = await tempDir();
  const [cert, key] = [join(dir.path, 'cert.pem'), join(dir.path, 'key.pem')];
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=images.test', '-addext', 'subjectAltName=DNS:images.test'];
  await run(await requireTool('openssl'), ['req', '-x509', ...options, ...names, '-keyout', key, '-out', cert]);
  ca = await readFile(cert, 'utf8');
  plain = await startOrigin((_request, response) => response.end('x'));
  host = await startTlsOrigin(
    (request, response) => {
      if (request.url === '/down') response.writeHead(302, { location: plain.url('/') }).end();
      else response.end('x');
    },
    { cert: ca, key: await readFile(key, 'utf8') },
  );
}, 120_000);
afterAll(async () => {
  await host.close();
  await plain.close();
  await dir.remove();
});
afterEach(() => out?.close());

const start = (trusted?: string) => {
  const places = trusted === undefined ? {} : { ca: trusted };
  out = startOutbound(dir.path, { allow: [host.place, plain.place] }, () => ['127.0.0.1'], places);
  return out;
};

describe('a host with TLS', () => {
  it('is asked by its name, which its certificate has', async () => {
    expect(await start(ca).ask(host.url('/', 'images.test'))).toMatchObject({ kind: 'fetched' });
  });

  it('with a certificate of another name, of nobody, or for an address is not asked', async () => {
    const before = host.requests.length;
    const failed = {
      reason: 'source-unavailable',
      isTransient: true,
      message: expect.stringContaining('secure connection'),
    };
    expect(await start(ca).ask(host.url('/', 'other.test'))).toMatchObject(failed);
    expect(await out?.ask(host.url('/', '127.0.0.1'))).toMatchObject(failed);
    await out?.close();
    expect(await start().ask(host.url('/', 'images.test'))).toMatchObject(failed);
    expect(host.requests).toHaveLength(before);
  });

  it('does not lead back to plain HTTP', async () => {
    expect(await start(ca).ask(host.url('/down', 'images.test'))).toMatchObject({ reason: 'scheme-forbidden' });
    expect(plain.connections()).toBe(0);
  });

  it('that is none fails', async () => {
    const url = plain.url('/').replace('http:', 'https:');
    expect(await start(ca).ask(url)).toMatchObject({ reason: 'source-unavailable' });
  });
});
