// What the edge does around an operation: draining, limits, logs, metrics, failures from within, streaming, CORS.
import { once } from 'node:events';
import express from 'express';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ERROR_CODES } from '../../src/http/replies/error-map.js';
import { ERROR_NAMES, ProofsheetError } from '../../src/kernel/errors.js';
import { COUNTERS } from '../../src/telemetry/metric-table.js';
import { BASIC_AUTH, type EdgeServer, METRICS_TEXT, startEdgeServer } from '../support/edge-server.js';
import { until } from '../support/gate.js';
import { RawConnection } from '../support/http-client.js';
import { sourceForm } from '../support/multipart.js';
import { jpegOf } from '../support/test-images.js';

let server: EdgeServer;
afterEach(() => server.close());

const get = (path: string, init: RequestInit = {}) => fetch(`${server.url}${path}`, init);
const upload = async (path: string) =>
  get(path, { method: 'POST', body: sourceForm(await jpegOf(320, 240), 'secret-name.jpg') });
const lineOf = async (operation: string, level: 'info' | 'debug') => {
  const find = () => server.logger.at(level).find(({ fields }) => fields.operation === operation);
  await until(() => find() !== undefined, `a line of ${operation} at ${level}`);
  return find()?.fields ?? {};
};

// Express' own `all` makes a step for each of the 35 verbs that Node knows.
it('a route is one step or two, whatever the verb', async () => {
  const routes = vi.spyOn(express.application, 'route');
  server = await startEdgeServer();
  const steps = routes.mock.results.map(({ value }) => (value as ReturnType<typeof express.application.route>).stack);
  expect(steps.length).toBeGreaterThan(10);
  expect(Math.max(...steps.map(({ length }) => length))).toBeLessThanOrEqual(2);
});

describe('failures from within', () => {
  it.each(ERROR_NAMES)('%s is answered as the table says', async (name) => {
    server = await startEdgeServer();
    server.previews.failNext = new ProofsheetError(name, `expected no ${name}`);
    const answer = await get('/getMetadata/key');
    const { status, code } = ERROR_CODES[name];
    expect([answer.status, await answer.json()]).toEqual([status, { code, message: `expected no ${name}` }]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const retryable = ['over-quota', 'overloaded', 'shared-tier-unreachable'].includes(name);
    expect(answer.headers.get('retry-after')).toBe(retryable ? '1' : null);
    expect(server.metrics.total('errors_total', { error: name })).toBe(1);
  });

  it('tells how long to wait in whole seconds', async () => {
    server = await startEdgeServer();
    server.previews.failNext = new ProofsheetError('overloaded', 'full', { retryAfterSeconds: 2.2 });
    expect((await get('/getMetadata/key')).headers.get('retry-after')).toBe('3');
  });

  it('a fault of ours is logged with its cause and told without it', async () => {
    server = await startEdgeServer();
    server.previews.failNext = new Error('secret detail at /srv/data');
    const answer = await get('/getMetadata/key');
    const body = await answer.text();
    expect([answer.status, JSON.parse(body).code]).toEqual([500, 5000]);
    expect(body).not.toContain('secret detail');
    const [line] = server.logger.at('error');
    expect(line?.fields).toMatchObject({ requestId: answer.headers.get('x-request-id'), operation: 'getMetadata' });
    expect(server.logger.text).toContain('secret detail');
  });

  it('a failed upload leaves no temp file, and its connection goes on', async () => {
    server = await startEdgeServer();
    for (const name of ['storage-full', 'conversion-timeout', 'source-undecodable'] as const) {
      server.previews.failNext = new ProofsheetError(name, 'no');
      expect((await upload('/cacheImage/key')).status).toBe(ERROR_CODES[name].status);
      expect(await server.uploadFiles()).toEqual([]);
    }
    expect((await upload('/cacheImage/key')).status).toBe(200);
    expect(await server.uploadFiles()).toEqual([]);
  });
});

describe('draining', () => {
  it('refuses new work, finishes what is in flight, closes connections and is not ready', async () => {
    server = await startEdgeServer();
    server.previews.making.shut();
    const inFlight = upload('/cacheImage/key');
    await until(() => server.previews.making.held === 1, 'the upload is being worked on');
    server.edge.drain();
    for (const init of [{}, { method: 'POST', body: sourceForm(Buffer.from('x')) }]) {
      const path = 'method' in init ? '/cacheImage/other' : '/getImage/key/200x150';
      const refused = await get(path, init);
      expect([refused.status, (await refused.json()).code]).toEqual([503, 5030]);
      expect(refused.headers.get('connection')).toBe('close');
      expect(refused.headers.get('retry-after')).toBe('5');
    }
    const ready = await fetch(`${server.origin}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { ready: false, draining: true, dependencies: { catalog: 'up', disk: 'up' } },
    ]);
    expect((await fetch(`${server.origin}/healthz`)).status).toBe(200);
    expect((await get('/status')).status).toBe(200);
    server.previews.making.open();
    expect((await inFlight).status).toBe(200);
  });
});

describe('readiness', () => {
  it('names each dependency; degraded still is ready, down is not, nor is a check that fails', async () => {
    server = await startEdgeServer();
    const readiness = async () => {
      const answer = await fetch(`${server.origin}/readyz`);
      return [answer.status, await answer.json()];
    };
    server.health = async () => ({ catalog: 'up', shared: 'degraded' });
    expect(await readiness()).toEqual([
      200,
      { ready: true, draining: false, dependencies: { catalog: 'up', shared: 'degraded' } },
    ]);
    server.health = async () => ({ catalog: 'down', shared: 'up' });
    expect((await readiness())[0]).toBe(503);
    server.health = () => Promise.reject(new Error('no answer'));
    expect(await readiness()).toEqual([503, { ready: false, draining: false, dependencies: {} }]);
  });
});

describe('the base path itself', () => {
  const connected = async (path = '', init: RequestInit = {}) => {
    const answer = await get(path, init);
    const text = await answer.text();
    const { code } = answer.status === 200 || text === '' ? { code: 0 } : JSON.parse(text);
    return [answer.status, code, answer.status === 200 ? text : answer.headers.get('retry-after')];
  };
  const READY = 'Proofsheet is ready.\nImageConverter server id: 57c6b91f-563b-4885-946d-0cc5799e2fdf\n';

  it.each(['', '/', '?x=1'])('answers 200 when ready, at "%s"', async (path) => {
    server = await startEdgeServer();
    expect(await connected(path)).toEqual([200, 0, READY]);
    expect(await connected(path, { method: 'HEAD' })).toEqual([200, 0, '']);
    expect(await connected(path, { method: 'POST' })).toEqual([405, 4050, null]);
    expect(server.metrics.total('http_requests_total', { operation: 'connected' })).toBe(3);
  });

  it('answers 503 when a dependency is down, a check fails or the server drains', async () => {
    server = await startEdgeServer({ strictErrors: true });
    server.health = async () => ({ catalog: 'up', shared: 'degraded' });
    expect(await connected()).toEqual([200, 0, READY]);
    server.health = async () => ({ catalog: 'down' });
    expect(await connected()).toEqual([503, 5030, '5']);
    server.health = () => Promise.reject(new Error('no answer'));
    expect(await connected()).toEqual([503, 5030, '5']);
    server.health = async () => ({ catalog: 'up' });
    server.edge.drain();
    expect(await connected()).toEqual([503, 5030, '5']);
  });

  it('may be the root', async () => {
    server = await startEdgeServer({ basePath: '' });
    expect(await connected('/')).toEqual([200, 0, READY]);
  });
});

describe('logs and metrics', () => {
  it('write one line per request at info, hits at debug, and never a key, a context or a file name', async () => {
    server = await startEdgeServer();
    await upload('/cacheAndGetImage/secret-key/auto:200x150?context=secret-context');
    expect(await lineOf('cacheAndGetImage', 'info')).toMatchObject({ status: 200, code: 0, from: 'memory' });
    const path = '/getImage/secret-key/auto:200x150?context=secret-context';
    const hit = await get(path);
    const bytes = (await hit.arrayBuffer()).byteLength;
    expect(await lineOf('getImage', 'debug')).toEqual({
      requestId: hit.headers.get('x-request-id'),
      dialect: 'image-converter',
      operation: 'getImage',
      status: 200,
      code: 0,
      durationMs: expect.any(Number),
      bytes,
      from: 'memory',
    });
    await get('/getImage/secret-other/auto:200x150');
    expect(await lineOf('getImage', 'info')).toMatchObject({ status: 404, code: 4040 });
    expect(server.logger.text).not.toMatch(/secret/);
    expect(JSON.stringify(server.metrics.counted)).not.toMatch(/secret/);
    expect(server.logger.lines).toHaveLength(3);
  });

  it('logs a preview that had to be made at info', async () => {
    server = await startEdgeServer();
    await upload('/cacheImage/key');
    server.previews.from = 'made';
    await get('/getImage/key/auto:200x150');
    expect(await lineOf('getImage', 'info')).toMatchObject({ status: 200, from: 'made' });
  });

  it('count requests by operation and status, bytes in and out, and keep the labels closed', async () => {
    server = await startEdgeServer();
    const stored = await (await upload('/cacheImage/key')).arrayBuffer();
    const image = await (await get('/getImage/key/auto:200x150')).arrayBuffer();
    const others = await Promise.all(
      ['/a', '/b', '/c'].map(async (path) => (await (await get(path)).arrayBuffer()).byteLength),
    );
    await until(() => server.metrics.total('http_requests_total') === 5, 'all requests are counted');
    const total = (operation: string, status: string) =>
      server.metrics.total('http_requests_total', { operation, status });
    expect([total('cacheImage', '200'), total('getImage', '200'), total('unknown', '404')]).toEqual([1, 1, 3]);
    expect(server.metrics.total('upload_bytes_total')).toBeGreaterThan((await jpegOf(320, 240)).length);
    // Failures and JSON too, as its help text says.
    const bodies = [stored.byteLength, image.byteLength, ...others];
    expect(server.metrics.total('sent_bytes_total')).toBe(bodies.reduce((sum, bytes) => sum + bytes));
    expect(COUNTERS.sent_bytes_total.help).toMatch(/all answers/);
    expect(server.metrics.observations('http_request_duration_seconds', { operation: 'getImage' })).toHaveLength(1);
    expect(await server.metrics.gaugeSamples('http_requests_in_flight')).toEqual([{ value: 0 }]);
  });

  it('asks no tier for bytes on 304 and HEAD', async () => {
    server = await startEdgeServer();
    await upload('/cacheImage/key');
    const etag = (await get('/getImage/key/auto:200x150')).headers.get('etag') ?? '';
    server.previews.calls.length = 0;
    await get('/getImage/key/auto:200x150', { headers: { 'If-None-Match': etag } });
    await get('/getImage/key/auto:200x150', { method: 'HEAD' });
    await get('/getImageAndMetadata/key/auto:200x150', { method: 'HEAD' });
    expect(server.previews.calls).toEqual(['choose', 'choose', 'choose']);
  });

  it('answers /metrics with the text it is given', async () => {
    server = await startEdgeServer();
    const answer = await fetch(`${server.origin}/metrics`);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await answer.text()).toBe(METRICS_TEXT);
  });
});

describe('uploads', () => {
  it('beyond the limit of concurrent ones are refused before they are read', async () => {
    server = await startEdgeServer({ maxUploads: 1 });
    const connection = await RawConnection.open(server.url);
    const type = 'Content-Type: multipart/form-data; boundary=b';
    connection.send(
      `POST /imageconverter/cacheImage/a HTTP/1.1\r\nHost: t\r\n${type}\r\nContent-Length: 100\r\n\r\n--b`,
    );
    const refused = async () => {
      const answer = await upload('/cacheImage/key');
      return answer.status === 503 && (await answer.json()).code === 5030;
    };
    await until(refused, 'the slot is taken');
    connection.socket.resetAndDestroy();
    await until(async () => (await upload('/cacheImage/key')).status === 200, 'the slot is free again');
  });

  it('are handed on whole, and the group is kept when the client leaves before the answer', async () => {
    server = await startEdgeServer();
    server.previews.making.shut();
    const leaving = new AbortController();
    const body = sourceForm(await jpegOf(320, 240));
    const left = get('/cacheImage/key', { method: 'POST', body, signal: leaving.signal }).catch(() => 'left');
    await until(() => server.previews.making.held === 1, 'the upload is being worked on');
    leaving.abort();
    expect(await left).toBe('left');
    server.previews.making.open();
    await until(async () => (await get('/getMetadata/key')).status === 200, 'the group exists');
    expect(server.metrics.total('http_requests_total', { operation: 'cacheImage', status: '499' })).toBe(1);
  });
});

describe('getKeys', () => {
  it('stops asking for keys when the client leaves', async () => {
    server = await startEdgeServer();
    let given = 0;
    let ended = false;
    server.previews.keys = async function* () {
      try {
        for (;;) {
          given++;
          yield ['k'.repeat(60_000) as never];
        }
      } finally {
        ended = true;
      }
    };
    const leaving = new AbortController();
    const answer = await get('/getKeys', { headers: { Authorization: BASIC_AUTH }, signal: leaving.signal });
    expect(answer.status).toBe(200);
    leaving.abort();
    await until(() => ended, 'the iteration is ended');
    const before = given;
    await new Promise((resolve) => setImmediate(resolve));
    expect(given).toBe(before);
  });

  it('answers a catalog that fails at once as an error', async () => {
    server = await startEdgeServer();
    server.previews.failNext = new ProofsheetError('shared-tier-unreachable', 'away');
    const answer = await get('/getKeys', { headers: { Authorization: BASIC_AUTH } });
    expect([answer.status, (await answer.json()).code]).toEqual([503, 5031]);
  });
});

describe('the status page', () => {
  it('shows its figures escaped, and the metrics as a table without buckets', async () => {
    server = await startEdgeServer();
    const page = await (await get('/status?metrics=yes')).text();
    for (const text of [
      '1.2.3 &#60;b&#62;',
      '1,234,567',
      '1.5 MiB',
      '5 GiB',
      '99.4 %',
      '1 d 2 h',
      '0.42 ms',
      '256 MiB',
    ])
      expect(page).toContain(text);
    const id = 'ImageConverter server id: 57c6b91f-563b-4885-946d-0cc5799e2fdf<';
    for (const form of [page, await (await get('/status')).text()]) expect(form).toContain(id);
    expect(page).toContain('<td>proofsheet_cache_hits_total{tier=&#34;&#60;memory&#62; }x&#34;}</td><td>994</td>');
    expect(page).not.toContain('_bucket');
    expect(page).not.toContain('<script');
    expect(await (await get('/status')).text()).not.toContain('proofsheet_keys');
  });

  it('has the security headers of an HTML page', async () => {
    server = await startEdgeServer();
    const { headers } = await get('/status');
    expect(headers.get('x-frame-options')).toBe('SAMEORIGIN');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toMatch(/style-src 'sha256-[A-Za-z0-9+/]{43}='/);
  });
});

describe('cross-origin reads', () => {
  it('are off by default, and open to the configured origins alone', async () => {
    server = await startEdgeServer();
    const origin = { headers: { Origin: 'https://app.example' } };
    expect((await get('/getKeyCount', origin)).headers.has('access-control-allow-origin')).toBe(false);
    await server.close();
    server = await startEdgeServer({ corsOrigins: ['https://app.example'] });
    const allowed = (await get('/getKeyCount', origin)).headers;
    expect([allowed.get('access-control-allow-origin'), allowed.get('vary')]).toEqual([
      'https://app.example',
      'Origin',
    ]);
    expect(allowed.has('access-control-allow-credentials')).toBe(false);
    const other = await get('/getKeyCount', { headers: { Origin: 'https://evil.example' } });
    expect(other.headers.has('access-control-allow-origin')).toBe(false);
    const preflight = await get('/cacheImage/key', { ...origin, method: 'OPTIONS' });
    expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([
      204,
      'GET, HEAD, POST, PUT',
    ]);
    const sent = preflight.headers.get('access-control-allow-headers')?.split(', ');
    expect(sent).toEqual(expect.arrayContaining(['Accept', 'If-None-Match', 'If-Range', 'Range']));
  });
});

describe('the base path', () => {
  it('may hold characters that patterns know, and nothing is answered without it', async () => {
    server = await startEdgeServer({ basePath: '/a.b/(c)' });
    expect(await (await get('/getKeyCount')).json()).toEqual({ count: 0 });
    expect((await fetch(`${server.origin}/healthz`)).status).toBe(200);
    expect((await fetch(`${server.origin}/getKeyCount`)).status).toBe(404);
  });
});

it('an upload of 200 MiB is never held in memory', async () => {
  const sourceBytes = 200 * 2 ** 20;
  // However slow a busy machine sends it.
  const patience = { uploadIdleTimeoutMs: 100_000, uploadTimeoutMs: 100_000, requestTimeoutMs: 110_000 };
  server = await startEdgeServer({ maxSourceBytes: sourceBytes, ...patience });
  server.previews.failNext = new ProofsheetError('source-undecodable', 'that is all this is about');
  const chunk = Buffer.alloc(64 * 1024);
  const head = Buffer.from('--b\r\nContent-Disposition: form-data; name="sourceImage"; filename="big"\r\n\r\n');
  const tail = Buffer.from('\r\n--b--\r\n');
  const before = process.memoryUsage().rss;
  let peak = before;
  const connection = await RawConnection.open(server.url);
  const length = head.length + sourceBytes + tail.length;
  connection.send('POST /imageconverter/cacheImage/key HTTP/1.1\r\nHost: t\r\n');
  connection.send(`Content-Type: multipart/form-data; boundary=b\r\nContent-Length: ${length}\r\n\r\n`);
  connection.send(head);
  for (let sent = 0; sent < sourceBytes; sent += chunk.length) {
    if (!connection.socket.write(chunk)) await once(connection.socket, 'drain');
    peak = Math.max(peak, process.memoryUsage().rss);
  }
  connection.send(tail);
  expect((await connection.answer()).status).toBe(422);
  connection.destroy();
  expect(server.metrics.total('upload_bytes_total')).toBe(length);
  expect((peak - before) / 2 ** 20).toBeLessThan(64);
});
