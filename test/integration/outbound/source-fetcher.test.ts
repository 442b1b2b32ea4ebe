// Sources by URL from real servers on loopback: good ones, and every bad one of the list of faults worth testing.
import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { createGzip } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import type { Fetched } from '../../../src/kernel/ports/source-fetcher.js';
import { parseHostRule } from '../../../src/kernel/source-url.js';
import { type Answering, type Origin, startOrigin, startRawOrigin } from '../../support/origins.js';
import { startOutbound, type TestOutbound } from '../../support/outbound.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const BYTES = Buffer.from('not really a picture, which is the business of others');
const send = (response: ServerResponse, headers: Record<string, string> = {}, bytes = BYTES) =>
  response.writeHead(200, { 'content-type': 'image/jpeg', ...headers }).end(bytes);
const redirectTo =
  (location: string, status = 302): Answering =>
  (_request, response) => {
    response.writeHead(status, { location }).end('moved');
  };

let dir: TempDir;
const opened: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  for (const { close } of opened.splice(0).reverse()) await close();
  await dir.remove();
});

async function origin(answer: Answering): Promise<Origin> {
  const started = await startOrigin(answer);
  opened.push(started);
  return started;
}

async function rawOrigin(...args: Parameters<typeof startRawOrigin>): Promise<Origin> {
  const started = await startRawOrigin(...args);
  opened.push(started);
  return started;
}

function outbound(
  origins: readonly Origin[],
  settings: Parameters<typeof startOutbound>[1] = {},
  ...rest: [names?: Parameters<typeof startOutbound>[2], places?: Parameters<typeof startOutbound>[3]]
): TestOutbound {
  const started = startOutbound(dir.path, { allow: origins.map(({ place }) => place), ...settings }, ...rest);
  opened.push(started);
  return started;
}

/** A failure as dialects tell it. */
const reasonOf = (fetched: Fetched) => (fetched.kind === 'failed' ? fetched.reason : fetched.kind);

describe('a source', () => {
  it('comes as a file with its digests, name, type and validators', async () => {
    const host = await origin((_request, response) =>
      send(response, {
        'content-type': 'Image/JPEG; charset=x',
        'content-disposition': `attachment; filename="../../etc/b.jpg"; filename*=UTF-8''%2e%2e%2fz%C3%BCrich%0d%0a.jpg`,
        etag: '"v1"',
        'last-modified': 'Sat, 01 Nov 2025 00:00:00 GMT',
      }),
    );
    const out = outbound([host]);
    const fetched = await out.ask(host.url('/a.jpg?token=secret#part'));
    if (fetched.kind !== 'fetched') throw new Error(`expected a file, got ${JSON.stringify(fetched)}`);
    expect(fetched).toMatchObject({
      contentType: 'image/jpeg',
      validators: {
        finalUrl: host.url('/a.jpg?token=secret'),
        etag: '"v1"',
        lastModified: 'Sat, 01 Nov 2025 00:00:00 GMT',
      },
      file: {
        digest: digestOf(BYTES),
        md5: createHash('md5').update(BYTES).digest('hex'),
        bytes: BYTES.length,
        fileName: 'zürich.jpg',
      },
    });
    expect(await readFile(fetched.file.path)).toEqual(BYTES);
    expect(await out.files()).toHaveLength(1);
    const { headers, url } = host.requests[0] ?? {};
    expect(url).toBe('/a.jpg?token=secret');
    expect(headers).toMatchObject({
      host: `127.0.0.1:${host.port}`,
      accept: 'image/*',
      'accept-encoding': 'identity',
      'user-agent': 'Proofsheet/test',
    });
    for (const name of ['authorization', 'cookie', 'referer', 'if-none-match'])
      expect(headers).not.toHaveProperty(name);
    expect(out.logger.text).not.toContain('secret');
  });

  it('is asked for under its name, at an address that its name has', async () => {
    const host = await origin((_request, response) => send(response));
    const out = outbound([host], {}, (name) => (name === 'images.test' ? ['127.0.0.1'] : []));
    expect(reasonOf(await out.ask(host.url('/', 'images.test')))).toBe('fetched');
    expect(host.requests[0]?.headers.host).toBe(`images.test:${host.port}`);
    expect(out.asked).toEqual(['images.test']);
    expect(await out.ask(host.url('/', 'other.test'))).toMatchObject({
      reason: 'source-unavailable',
      isTransient: true,
    });
  });

  it('that has not changed is not sent again; what others say of other URLs is not asked with', async () => {
    const host = await origin((request, response) => {
      if (request.headers['if-none-match'] === '"v1"') response.writeHead(304).end();
      else send(response, { etag: '"v1"' });
    });
    const out = outbound([host]);
    const validators = { finalUrl: host.url('/a'), etag: '"v1"', lastModified: 'Sat, 01 Nov 2025 00:00:00 GMT' };
    expect(await out.ask(host.url('/a'), { validators })).toEqual({ kind: 'not-modified' });
    expect(host.requests[0]?.headers['if-modified-since']).toBe(validators.lastModified);
    expect(reasonOf(await out.ask(host.url('/b'), { validators }))).toBe('fetched');
    expect(host.requests[1]?.headers).not.toHaveProperty('if-none-match');
  });

  it('keeps a weak tag for asking, and none that is malformed', async () => {
    const tags: Record<string, string> = { '/weak': 'W/"v1"', '/bare': 'v1', '/none': '' };
    const host = await origin((request, response) => send(response, { etag: tags[request.url ?? ''] ?? '' }));
    const out = outbound([host]);
    const validatorsAt = async (path: string) => {
      const fetched = await out.ask(host.url(path));
      return fetched.kind === 'fetched' ? fetched.validators : fetched;
    };
    expect(await validatorsAt('/weak')).toEqual({ finalUrl: host.url('/weak'), etag: 'W/"v1"' });
    expect(await validatorsAt('/bare')).toBeUndefined();
    expect(await validatorsAt('/none')).toBeUndefined();
  });

  it('asked for by many at once is sent once, and each has a file of its own', async () => {
    let answer = (): void => undefined;
    const host = await origin((_request, response) => {
      answer = () => send(response);
    });
    const out = outbound([host]);
    const all = Array.from({ length: 5 }, () => out.ask(host.url('/a')));
    const leaver = new AbortController();
    const left = out.ask(host.url('/a'), { signal: leaver.signal }).catch((error: unknown) => error);
    while (host.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    leaver.abort(new Error('left'));
    expect(await left).toMatchObject({ message: 'left' });
    answer();
    const paths = (await Promise.all(all)).map((fetched) => fetched.kind === 'fetched' && fetched.file.path);
    expect(new Set(paths).size).toBe(5);
    expect(host.requests).toHaveLength(1);
    for (const path of paths) if (path) await rm(path);
    await expect.poll(() => out.files(), { timeout: 30_000 }).toEqual([]);
    // With other limits it is another question.
    const others = Promise.allSettled([out.ask(host.url('/b')), out.ask(host.url('/b'), { maxBytes: 1_000 })]);
    while (host.requests.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    await out.close();
    for (const ended of await others) expect(ended.status).toBe('rejected');
  });

  it('nobody waits for any more is given up, and leaves nothing', async () => {
    const host = await origin((_request, response) => void response.writeHead(200).write(BYTES));
    const out = outbound([host]);
    const leaver = new AbortController();
    const left = out.ask(host.url('/a'), { signal: leaver.signal }).catch((error: unknown) => error);
    await expect.poll(() => out.files(), { timeout: 30_000 }).toHaveLength(1);
    leaver.abort(new Error('left'));
    expect(await left).toMatchObject({ message: 'left' });
    await expect.poll(() => [host.open(), out.files()], { timeout: 30_000 }).toEqual([0, expect.anything()]);
    await expect.poll(() => out.files(), { timeout: 30_000 }).toEqual([]);
  });

  it('whose directory is gone is no fault of its host', async () => {
    const host = await origin((_request, response) => send(response));
    const out = outbound([host], {}, undefined, { dir: `${dir.path}/gone` });
    await expect(out.ask(host.url('/a'))).rejects.toMatchObject({ name: 'ProofsheetError', code: 'internal' });
  });
});

describe('an answer', () => {
  test.each([
    [404, 'source-not-found', false],
    [410, 'source-not-found', false],
    [400, 'source-refused', false],
    [401, 'source-refused', false],
    [403, 'source-refused', false],
    [451, 'source-refused', false],
    [201, 'source-refused', false],
    [204, 'source-refused', false],
    [206, 'source-refused', false],
    [300, 'source-refused', false],
    [304, 'source-refused', false],
    [408, 'source-unavailable', true],
    [425, 'source-unavailable', true],
    [429, 'source-unavailable', true],
    [500, 'source-unavailable', true],
    [503, 'source-unavailable', true],
  ])('of %d is %s', async (status, reason, isTransient) => {
    const host = await origin((_request, response) => void response.writeHead(status).end());
    const out = outbound([host]);
    expect(await out.ask(host.url('/'))).toEqual({
      kind: 'failed',
      reason,
      status,
      isTransient,
      wasTried: true,
      message: `HTTP ${status}`,
    });
    expect(await out.files()).toEqual([]);
  });

  test.each([
    ['120', 120_000],
    ['999999', 3_600_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
  ])('that asks for patience by %j is left alone for %s ms', async (text, ms) => {
    const host = await origin((_request, response) => void response.writeHead(503, { 'retry-after': text }).end());
    const fetched = await outbound([host]).ask(host.url('/'));
    expect(fetched.kind === 'failed' && fetched.retryAfterMs).toBe(ms);
  });

  it('of HTML is a file with its type: the bytes decide', async () => {
    const html = Buffer.from('<!doctype html><title>Sign in</title>');
    const host = await origin((_request, response) =>
      send(response, { 'content-type': 'text/html; charset=utf-8' }, html),
    );
    expect(await outbound([host]).ask(host.url('/'))).toMatchObject({
      kind: 'fetched',
      contentType: 'text/html',
      file: { digest: digestOf(html) },
    });
  });

  it('that is empty is no image', async () => {
    const host = await origin((_request, response) => send(response, {}, Buffer.alloc(0)));
    const out = outbound([host]);
    expect(await out.ask(host.url('/'))).toMatchObject({ reason: 'not-an-image', isTransient: false });
    expect(await out.files()).toEqual([]);
  });

  it('that unpacks into much is not unpacked', async () => {
    const host = await origin((_request, response) => {
      response.writeHead(200, { 'content-type': 'image/svg+xml', 'content-encoding': 'gzip' });
      const gzip = createGzip();
      gzip.pipe(response);
      gzip.end(Buffer.alloc(10_000_000));
    });
    const out = outbound([host]);
    expect(await out.ask(host.url('/'), { maxBytes: 100_000_000 })).toMatchObject({ reason: 'source-refused' });
    expect(await out.files()).toEqual([]);
  });

  test.each([
    ['in name', 'attachment; filename="a\u0001b/../c.jpg"', 'c.jpg'],
    ['in a Windows way', 'inline; filename="C:\\\\temp\\\\d.jpg"', 'd.jpg'],
    ['that goes up', 'attachment; filename=".."', undefined],
    ['that nobody can read', 'attachment; filename*=UTF-8', undefined],
    ['of great length', `attachment; filename="${'e'.repeat(300)}.jpg"`, 'e'.repeat(255)],
  ])('with a file name %s', async (_name, header, expected) => {
    const host = await rawOrigin((socket) =>
      socket.end(
        `HTTP/1.1 200 OK\r\ncontent-disposition: ${header.replace('\u0001', '\t')}\r\ncontent-length: 1\r\n\r\nx`,
      ),
    );
    const fetched = await outbound([host]).ask(host.url('/'));
    expect(fetched.kind === 'fetched' ? fetched.file.fileName : fetched).toBe(expected);
  });

  it('cannot put lines into a file name', async () => {
    const host = await rawOrigin((socket) =>
      socket.end(
        `HTTP/1.1 200 OK\r\ncontent-disposition: attachment; filename*=UTF-8''a%0D%0ASet-Cookie:%20x.jpg\r\ncontent-length: 1\r\n\r\nx`,
      ),
    );
    const fetched = await outbound([host]).ask(host.url('/'));
    expect(fetched.kind === 'fetched' && fetched.file.fileName).toBe('aSet-Cookie: x.jpg');
  });
});

describe('a host that does harm', () => {
  it('sends more than it says', async () => {
    const host = await rawOrigin((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n');
      const chunk = Buffer.alloc(64 * 1024);
      const more = (): void => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on('drain', more);
      more();
    });
    const out = outbound([host]);
    expect(await out.ask(host.url('/'), { maxBytes: 1_000_000 })).toMatchObject({
      reason: 'source-too-large',
      isTransient: false,
    });
    await expect.poll(() => host.open(), { timeout: 30_000 }).toBe(0);
    expect(await out.files()).toEqual([]);
  });

  it('says that it will send too much, and is not listened to', async () => {
    const host = await rawOrigin((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\nx'));
    const out = outbound([host]);
    expect(await out.ask(host.url('/'))).toMatchObject({ reason: 'source-too-large' });
    await expect.poll(() => host.open(), { timeout: 30_000 }).toBe(0);
  });

  it('sends behind a small Content-Length what is not read', async () => {
    const host = await rawOrigin((socket) =>
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello${'x'.repeat(100_000)}`),
    );
    const fetched = await outbound([host]).ask(host.url('/'));
    expect(fetched).toMatchObject({ kind: 'fetched', file: { bytes: 5, digest: digestOf(Buffer.from('hello')) } });
  });

  it('sends less than it said', async () => {
    const host = await rawOrigin((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello'));
    const out = outbound([host]);
    expect(await out.ask(host.url('/'))).toMatchObject({ reason: 'source-unavailable', isTransient: true });
    expect(await out.files()).toEqual([]);
  });

  test.each([
    ['closes at once', (_socket) => _socket.destroy()],
    ['is no HTTP server', (socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n')],
    ['sends headers without end', (socket) => socket.end(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(10_000)}`)],
    [
      'sends two lengths',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxy'),
    ],
    [
      'sends chunks that are none',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'),
    ],
  ] satisfies [string, Parameters<typeof startRawOrigin>[0]][])('%s', async (_name, answer) => {
    const host = await rawOrigin(answer);
    const out = outbound([host]);
    expect(await out.ask(host.url('/'))).toMatchObject({ reason: 'source-unavailable', isTransient: true });
    expect(await out.files()).toEqual([]);
  });

  const LATE = { reason: 'source-timeout', isTransient: true, wasTried: true };

  it('never answers', async () => {
    const host = await origin(() => undefined);
    const out = outbound([host], { connectTimeoutMs: 300, headersTimeoutMs: 300 });
    expect(await out.ask(host.url('/'))).toMatchObject(LATE);
    await expect.poll(() => host.open(), { timeout: 30_000 }).toBe(0);
  });

  it('sends its headers byte by byte', async () => {
    const host = await rawOrigin((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nx: ');
      const timer = setInterval(() => socket.write('y'), 20);
      socket.once('close', () => clearInterval(timer));
    });
    const out = outbound([host], { connectTimeoutMs: 300, headersTimeoutMs: 300 });
    expect(await out.ask(host.url('/'))).toMatchObject(LATE);
  });

  it('falls silent', async () => {
    const host = await rawOrigin((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello'));
    const out = outbound([host], { idleTimeoutMs: 300 });
    expect(await out.ask(host.url('/'))).toMatchObject(LATE);
    expect(await out.files()).toEqual([]);
  });

  /** Never silent, never done. */
  const dripping = (): Promise<Origin> =>
    rawOrigin((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n');
      const timer = setInterval(() => socket.write('x'), 20);
      socket.once('close', () => clearInterval(timer));
    });

  it('drips, and is given up for its speed', async () => {
    const host = await dripping();
    const out = outbound([host], { minBytesPerSecond: 10_000 }, undefined, { slowGraceMs: 300 });
    expect(await out.ask(host.url('/'))).toMatchObject(LATE);
    expect(await out.files()).toEqual([]);
    await expect.poll(() => host.open(), { timeout: 30_000 }).toBe(0);
  });

  it('drips, and is given up for its time', async () => {
    const host = await dripping();
    const out = outbound([host], { timeoutMs: 400 });
    expect(await out.ask(host.url('/'))).toMatchObject(LATE);
  });

  it('has a name that is never resolved', async () => {
    const host = await origin((_request, response) => send(response));
    const out = outbound([host], { connectTimeoutMs: 300 }, () => new Promise(() => undefined));
    expect(await out.ask(host.url('/', 'slow.test'))).toMatchObject(LATE);
    expect(host.connections()).toBe(0);
  });
});

describe('redirects', () => {
  it('are followed up to the limit, and what answers in the end is what is kept', async () => {
    const host = await origin((request, response) => {
      const left = Number(request.url?.slice(1));
      if (left > 0) redirectTo(`/${left - 1}`, [301, 302, 303, 307, 308][left % 5])(request, response);
      else send(response, { etag: '"end"' });
    });
    const out = outbound([host]);
    expect(await out.ask(host.url('/5'))).toMatchObject({
      kind: 'fetched',
      validators: { finalUrl: host.url('/0'), etag: '"end"' },
    });
    expect(host.requests).toHaveLength(6);
    expect(await out.ask(host.url('/6'))).toMatchObject({ reason: 'too-many-redirects', isTransient: false });
    expect(host.requests).toHaveLength(12);
  });

  it('in a circle end', async () => {
    const host = await origin(redirectTo('/again'));
    expect(await outbound([host]).ask(host.url('/'))).toMatchObject({ reason: 'too-many-redirects' });
    expect(host.requests).toHaveLength(6);
  });

  test.each([
    ['to metadata', 'http://169.254.169.254/latest/meta-data/', 'address-forbidden'],
    ['to a private literal', 'http://10.0.0.1/', 'address-forbidden'],
    ['to loopback, in hexadecimal', 'http://0x7f.1/', 'address-forbidden'],
    ['to loopback by IPv6', 'http://[::1]/', 'address-forbidden'],
    ['to a private name', 'http://private.test/', 'address-forbidden'],
    ['to localhost', 'http://localhost/', 'address-forbidden'],
    ['to a port that is shut', 'http://public.test:22/', 'address-forbidden'],
    ['to a host that is denied', 'http://denied.test/', 'address-forbidden'],
    ['to a file', 'file:///etc/passwd', 'scheme-forbidden'],
    ['to gopher', 'gopher://127.0.0.1:6379/_FLUSHALL', 'scheme-forbidden'],
    ['with a password', 'http://user:password@public.test/', 'source-refused'],
    ['to nowhere', 'http://', 'source-refused'],
    ['with a long URL', `http://public.test/${'x'.repeat(3_000)}`, 'source-refused'],
  ])('%s are not followed', async (_name, location, reason) => {
    const host = await origin(redirectTo(location));
    const names: Record<string, string> = {
      'private.test': '192.168.1.1',
      'public.test': '93.184.216.34',
      localhost: '127.0.0.1',
    };
    const out = outbound([host], { deniedHosts: [parseHostRule('denied.test')] }, (name) => [names[name] ?? '']);
    const fetched = await out.ask(host.url('/'));
    expect(fetched).toMatchObject({ kind: 'failed', reason, isTransient: false });
    expect(host.requests).toHaveLength(1);
    expect(JSON.stringify(fetched)).not.toMatch(/169\.254|10\.0\.0\.1|192\.168|::1|password|xxx/);
    expect(out.logger.text).not.toMatch(/169\.254|192\.168|password/);
  });

  it('without a place to go to are refused', async () => {
    const host = await origin((_request, response) => void response.writeHead(302).end());
    expect(await outbound([host]).ask(host.url('/'))).toMatchObject({ reason: 'source-refused' });
  });

  it('with an answer without end are followed', async () => {
    const host = await origin((request, response) => {
      if (request.url === '/end') return void send(response);
      response.writeHead(302, { location: '/end' }).write('x');
    });
    expect(reasonOf(await outbound([host]).ask(host.url('/')))).toBe('fetched');
  });

  it('lead only to hosts that the tenant and the operator list', async () => {
    const host = await origin((request, response) => {
      const to = new URL(request.url ?? '', 'http://x').searchParams.get('to');
      if (to === null) send(response);
      else redirectTo(to)(request, response);
    });
    const out = outbound([host], { allowedHosts: [parseHostRule('*.test')] }, () => ['127.0.0.1']);
    const allowedHosts = [parseHostRule('a.test'), parseHostRule('other.example')];
    const ask = async (name: string, to?: string) =>
      reasonOf(
        await out.ask(host.url(to === undefined ? '/' : `/?to=${encodeURIComponent(to)}`, name), { allowedHosts }),
      );
    expect(await ask('a.test')).toBe('fetched');
    expect(await ask('b.test')).toBe('address-forbidden');
    expect(await ask('other.example')).toBe('address-forbidden');
    expect(await ask('a.test', host.url('/', 'b.test'))).toBe('address-forbidden');
    expect(await ask('a.test', host.url('/', 'a.test'))).toBe('fetched');
    expect(host.requests.map(({ headers }) => headers.host?.split(':')[0])).not.toContain('b.test');
  });
});

describe('hosts that fail, and hosts that are slow', () => {
  it('one that failed several times in a row is left alone, and tried again once', async () => {
    let healthy = false;
    const host = await origin((_request, response) => {
      if (healthy) send(response);
      else response.writeHead(500).end();
    });
    let now = 0;
    const clock = { now: () => Date.now(), monotonic: () => now };
    const out = outbound([host], { hostFailures: 3, hostRestMs: 30_000 }, undefined, { clock });
    for (let attempt = 0; attempt < 3; attempt++) expect(await out.ask(host.url('/'))).toMatchObject({ status: 500 });
    now = 10_000;
    expect(await out.ask(host.url('/'))).toMatchObject({
      reason: 'source-unavailable',
      isTransient: true,
      wasTried: false,
      retryAfterMs: 20_000,
    });
    expect(host.requests).toHaveLength(3);
    now = 30_000;
    expect(await out.ask(host.url('/'))).toMatchObject({ status: 500 });
    expect(await out.ask(host.url('/'))).toMatchObject({ wasTried: false });
    now = 60_000;
    healthy = true;
    expect(reasonOf(await out.ask(host.url('/')))).toBe('fetched');
    expect(reasonOf(await out.ask(host.url('/')))).toBe('fetched');
    expect(host.requests).toHaveLength(6);
  });

  it('404 is no failure of the host', async () => {
    const host = await origin((_request, response) => void response.writeHead(404).end());
    const out = outbound([host], { hostFailures: 2 });
    for (let attempt = 0; attempt < 5; attempt++) expect(await out.ask(host.url('/'))).toMatchObject({ status: 404 });
  });

  it('one that hangs has its own places, and keeps nobody else waiting', async () => {
    const waiting: ServerResponse[] = [];
    const slow = await origin((_request, response) => void waiting.push(response));
    const quick = await origin((_request, response) => send(response));
    // Two hosts, since two ports of one host share its places.
    const limits = { concurrency: 3, hostConcurrency: 2 };
    const out = outbound([slow, quick], limits, () => [slow.place.address], { maxWaitMs: 300 });
    const slowUrl = (path: string) => slow.url(path).replace(slow.place.address, 'slow.example');
    const held = [out.ask(slowUrl('/1')), out.ask(slowUrl('/2'))];
    await expect.poll(() => waiting.length, { timeout: 30_000 }).toBe(2);
    const busy = { wasTried: false, isBusy: true, isTransient: true, retryAfterMs: 300 };
    expect(await out.ask(slowUrl('/3'))).toMatchObject(busy);
    expect(await out.ask(quick.url('/').replace(quick.place.address, 'slow.example'))).toMatchObject(busy);
    expect(reasonOf(await out.ask(quick.url('/')))).toBe('fetched');
    expect(slow.requests).toHaveLength(2);
    for (const response of waiting) send(response);
    for (const fetched of await Promise.all(held)) expect(reasonOf(fetched)).toBe('fetched');
    expect(slow.connections()).toBe(2);
  });
});

it('what came of each is counted', async () => {
  const host = await origin((request, response) => {
    if (request.url === '/a') send(response);
    else response.writeHead(404).end();
  });
  const out = outbound([host]);
  await out.ask(host.url('/a'));
  await out.ask(host.url('/b'));
  await out.ask('http://10.0.0.1/');
  const outcomes = out.metrics.counted
    .filter(({ name }) => name === 'fetches_total')
    .map(({ labels }) => labels.outcome);
  expect(outcomes).toEqual(['fetched', 'source-not-found', 'address-forbidden']);
  expect(out.metrics.counted.find(({ name }) => name === 'fetched_bytes_total')?.by).toBe(BYTES.length);
  expect(out.metrics.observed).toHaveLength(3);
});
