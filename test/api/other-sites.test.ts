// What pages of other sites can bring a browser to send, and what comes of it: over real HTTP, from the outside only.
import { request } from 'node:http';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type EdgeServer, startEdgeServer } from '../support/edge-server.js';
import { sourceForm } from '../support/multipart.js';
import { jpegOf } from '../support/test-images.js';

let server: EdgeServer | undefined;
let photo: Buffer;
beforeAll(async () => {
  photo = await jpegOf(64, 48);
});
afterEach(() => server?.close());

/** As Node's fetch lets no caller choose them, these go by node:http. */
function send(path: string, headers: Record<string, string>, body?: Buffer): Promise<{ status: number; text: string }> {
  const url = new URL(`${server?.url}${path}`);
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: body ? 'POST' : 'GET', headers, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function upload(headers: Record<string, string>, path = '/cacheImage/logo') {
  const form = new Response(sourceForm(photo));
  const type = form.headers.get('content-type') ?? '';
  return send(path, { 'content-type': type, ...headers }, Buffer.from(await form.arrayBuffer()));
}

describe('an upload that a browser sends', () => {
  it.each([
    ['of another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
    ['of a sibling domain', { 'sec-fetch-site': 'same-site', origin: 'https://evil.example' }],
    ['that hides its origin', { 'sec-fetch-site': 'cross-site', origin: 'null' }],
    ['of another site, before Fetch Metadata', { origin: 'https://evil.example' }],
    ['that hides its origin, before Fetch Metadata', { origin: 'null' }],
  ])('for a page %s is refused and stores nothing', async (_, headers) => {
    server = await startEdgeServer();
    for (const path of [
      '/cacheImage/logo',
      '/cacheAndGetImage/logo/80x80',
      '/cacheAndGetImageAndMetadata/logo/80x80',
    ]) {
      const { status, text } = await upload(headers as Record<string, string>, path);
      expect([status, JSON.parse(text).code]).toEqual([403, 4030]);
    }
    expect(await server.previews.count()).toBe(0);
    expect(await server.uploadFiles()).toEqual([]);
  });

  it('for our own page, or by no browser, is taken', async () => {
    server = await startEdgeServer();
    const { origin } = server;
    for (const headers of [{}, { origin }, { 'sec-fetch-site': 'same-origin', origin }, { 'sec-fetch-site': 'none' }])
      expect((await upload(headers as Record<string, string>)).status).toBe(200);
  });

  it('for a page whose origin may read answers is taken', async () => {
    server = await startEdgeServer({ corsOrigins: ['https://app.example'] });
    const from = (origin: string) => upload({ 'sec-fetch-site': 'cross-site', origin });
    expect((await from('https://app.example')).status).toBe(200);
    expect((await from('https://app.example.evil')).status).toBe(403);
    // Without an origin nobody knows whose page it was.
    expect((await upload({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  });
});

describe('with PROOFSHEET_ALLOWED_HOSTS', () => {
  it('another Host is answered by nothing, also on the way of cached previews and of probes', async () => {
    server = await startEdgeServer({ allowedHosts: ['previews.example'] });
    expect((await upload({ host: 'previews.example' })).status).toBe(200);
    for (const path of ['/getImage/logo/80x80', '/getImage/logo/80x80', '/getKeyCount', '/nowhere']) {
      const { status, text } = await send(path, { host: 'rebound.evil.example' });
      expect([status, JSON.parse(text).code]).toEqual([421, 4210]);
      expect((await send(path, { host: 'previews.example' })).status).toBe(path === '/nowhere' ? 404 : 200);
    }
    expect((await upload({ host: 'rebound.evil.example' }, '/cacheImage/other')).status).toBe(421);
    expect(await server.previews.count()).toBe(1);
  });
});
