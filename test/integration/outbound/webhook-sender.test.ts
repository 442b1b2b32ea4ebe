// Webhooks to real receivers on loopback: what is sent and how it is signed, and what each bad receiver makes of an attempt.
import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { parseHostRule } from '../../../src/kernel/source-url.js';
import { type Answering, type Origin, startOrigin, startRawOrigin } from '../../support/origins.js';
import { startOutbound, type TestOutbound } from '../../support/outbound.js';
import { isSignedBy } from '../../support/standard-webhook.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const secret = () => `whsec_${randomBytes(32).toString('base64')}`;

let dir: TempDir;
const opened: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  for (const { close } of opened.splice(0).reverse()) await close();
  await dir.remove();
});

interface Received {
  readonly request: IncomingMessage;
  readonly body: string;
}

async function receiver(answer: Answering): Promise<{ origin: Origin; received: Received[] }> {
  const received: Received[] = [];
  const origin = await startOrigin(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ request, body: Buffer.concat(chunks).toString('utf8') });
    answer(request, response);
  });
  opened.push(origin);
  return { origin, received };
}

function outbound(origin: Origin, settings: Parameters<typeof startOutbound>[1] = {}): TestOutbound {
  const started = startOutbound(dir.path, { allow: [origin.place], ...settings }, () => ['127.0.0.1']);
  opened.push(started);
  return started;
}

const message = (url: string, more: object = {}) => ({
  id: 'dlv_1',
  url,
  body: '{"a":"ä"}',
  secrets: [],
  signal: new AbortController().signal,
  ...more,
});

describe('an attempt', () => {
  it('carries id, time of the attempt and signature over the very bytes', async () => {
    const { origin, received } = await receiver((_request, response) => response.end('thanks'));
    const key = secret();
    const out = outbound(origin);
    const attempt = await out.sender.send(message(origin.url('/hook?token=abc'), { secrets: [key] }));
    expect(attempt).toEqual({ fault: undefined, status: 200, answer: 'thanks', durationMs: expect.any(Number) });
    const [{ request, body } = { request: undefined, body: '' }] = received;
    expect(body).toBe('{"a":"ä"}');
    expect(request).toMatchObject({ method: 'POST', url: '/hook?token=abc' });
    expect(request?.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'Proofsheet/test',
      'webhook-id': 'dlv_1',
    });
    const headers = request?.headers ?? {};
    expect(isSignedBy(key, headers, body, Date.now())).toBe(true);
    expect(isSignedBy(secret(), headers, body, Date.now())).toBe(false);
    expect(isSignedBy(key, headers, `${body} `, Date.now())).toBe(false);
    expect(isSignedBy(key, { ...headers, 'webhook-id': 'dlv_2' }, body, Date.now())).toBe(false);
    expect(isSignedBy(key, headers, body, Date.now() + 3_600_000)).toBe(false);
    expect(out.logger.text).not.toContain('abc');
  });

  it('is signed by the old and the new secret while they change', async () => {
    const { origin, received } = await receiver((_request, response) => response.end());
    const secrets = [secret(), secret()];
    await outbound(origin).sender.send(message(origin.url('/'), { secrets }));
    const { request, body } = received[0] ?? {};
    for (const each of secrets) expect(isSignedBy(each, request?.headers ?? {}, body ?? '', Date.now())).toBe(true);
  });

  it('is signed by a secret that is any text, with its bytes for the key', async () => {
    const { origin, received } = await receiver((_request, response) => response.end());
    await outbound(origin).sender.send(message(origin.url('/'), { secrets: ['größe, not base64'] }));
    const { request, body } = received[0] ?? {};
    const { 'webhook-timestamp': at, 'webhook-signature': signature } = request?.headers ?? {};
    const expected = createHmac('sha256', 'größe, not base64').update(`dlv_1.${at}.${body}`).digest('base64');
    expect(signature).toBe(`v1,${expected}`);
  });

  it('without a secret is unsigned; headers of others stand beside ours and not in their place', async () => {
    const { origin, received } = await receiver((_request, response) => response.end());
    const headers = { 'X-Livingdocs-Signature': 'sha256=00', 'Webhook-Id': 'forged', 'Content-Type': 'text/plain' };
    await outbound(origin).sender.send(message(origin.url('/'), { headers }));
    expect(received[0]?.request.headers).toMatchObject({
      'x-livingdocs-signature': 'sha256=00',
      'webhook-id': 'dlv_1',
      'content-type': 'application/json',
    });
    expect(received[0]?.request.headers).not.toHaveProperty('webhook-signature');
  });

  test.each([
    [200, undefined],
    [202, undefined],
    [204, undefined],
    [301, 'redirect'],
    [307, 'redirect'],
    [400, 'status'],
    [404, 'status'],
    [410, 'gone'],
    [429, 'status'],
    [500, 'status'],
  ])('answered by %d: %s', async (status, fault) => {
    const { origin, received } = await receiver(
      (_request, response) => void response.writeHead(status, { location: '/elsewhere', 'retry-after': '90000' }).end(),
    );
    const attempt = await outbound(origin).sender.send(message(origin.url('/')));
    expect(attempt).toMatchObject({ fault, status });
    expect(attempt.retryAfterMs).toBe(fault === undefined ? undefined : 86_400_000);
    expect(received).toHaveLength(1);
  });

  it('with an answer of a megabyte keeps its beginning', async () => {
    const { origin } = await receiver((_request, response) => response.writeHead(500).end('ä'.repeat(500_000)));
    const attempt = await outbound(origin).sender.send(message(origin.url('/')));
    expect(attempt).toMatchObject({ fault: 'status', status: 500, answer: 'ä'.repeat(500) });
  });

  it('to a receiver that hangs ends in time', async () => {
    const { origin } = await receiver(() => undefined);
    const attempt = await outbound(origin, { webhookTimeoutMs: 300 }).sender.send(message(origin.url('/')));
    expect(attempt).toEqual({ fault: 'timeout', durationMs: expect.any(Number) });
    await expect.poll(() => origin.open(), { timeout: 30_000 }).toBe(0);
  });

  it('is received once the status says so, though the answer never ends or breaks', async () => {
    const hanging = await receiver((_request, response) => void response.writeHead(200).write('x'));
    const attempt = await outbound(hanging.origin, { webhookTimeoutMs: 500 }).sender.send(
      message(hanging.origin.url('/')),
    );
    expect(attempt).toMatchObject({ fault: undefined, status: 200 });
    const breaking = await startRawOrigin((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n'));
    opened.push(breaking);
    expect(await outbound(breaking).sender.send(message(breaking.url('/')))).toMatchObject({
      fault: undefined,
      status: 200,
    });
  });

  it('to nobody is told', async () => {
    const gone = await startRawOrigin(() => undefined);
    await gone.close();
    expect(await outbound(gone).sender.send(message(gone.url('/')))).toMatchObject({ fault: 'unreachable' });
  });

  it('goes to the hosts of the tenant alone', async () => {
    const { origin, received } = await receiver((_request, response) => response.end());
    const allowedHosts = [parseHostRule('hooks.test')];
    const out = outbound(origin);
    expect(await out.sender.send(message(origin.url('/', 'other.test'), { allowedHosts }))).toMatchObject({
      fault: 'address-forbidden',
    });
    expect(await out.sender.send(message(origin.url('/', 'hooks.test'), { allowedHosts }))).toMatchObject({
      status: 200,
    });
    expect(received).toHaveLength(1);
  });

  it('that is given up rejects, and is counted like the others', async () => {
    const { origin } = await receiver((_request, response) => response.end());
    const out = outbound(origin);
    await out.sender.send(message(origin.url('/')));
    await expect(
      out.sender.send(message(origin.url('/'), { signal: AbortSignal.abort(new Error('stop')) })),
    ).rejects.toThrow('stop');
    expect(out.metrics.counted).toEqual([{ name: 'webhook_attempts_total', labels: { outcome: 'delivered' }, by: 1 }]);
  });
});
