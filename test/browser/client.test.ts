// The client in a real browser, in a page of another origin, by the modules as they are built: hashing, asking first, uploading with
// progress and an end, a list in one go, a signed URL in an img.
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type * as Client from '../../src/client/index.js';
import { jpegOf } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';
import { requireTool } from '../support/tools.js';

const QUIET = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];
const TOKEN = 'token-of-the-app-000001';
const KEY = { id: 'k1', secret: 'a-secret-of-16-characters' };
/** A page's own script: what is evaluated in a page cannot import. */
const PAGE = `<!doctype html><title>App</title><link rel="icon" href="data:,"><script type="module">
import { ProofsheetClient } from '/client/index.js';
window.ProofsheetClient = ProofsheetClient;
</script>`;
const BUILT = new URL('../../dist/client/', import.meta.url);

/** When a server that is busy at first was asked. */
const asked: number[] = [];
let server: TestServer;
let pages: Server;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  pages = createServer(async ({ url = '/' }, response) => {
    if (url === '/busy/getKeyCount') {
      asked.push(performance.now());
      const isBusy = asked.length === 1;
      response.writeHead(isBusy ? 429 : 200, {
        'Content-Type': 'application/json',
        ...(isBusy && { 'Retry-After': '1' }),
      });
      response.end(isBusy ? '{"code":4290,"message":"later"}' : '{"count":7}');
      return;
    }
    const name = /^\/client\/([\w-]+\.js)$/.exec(url)?.[1];
    response.setHeader('Content-Type', name === undefined ? 'text/html' : 'text/javascript');
    response.end(name === undefined ? PAGE : await readFile(new URL(name, BUILT)));
  });
  await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  const environment = {
    PROOFSHEET_API_TOKENS: TOKEN,
    PROOFSHEET_URL_KEYS: `${KEY.id}:${KEY.secret}`,
    PROOFSHEET_CORS_ORIGINS: origin,
  };
  server = await startTestServer({ environment });
  const executablePath = await requireTool('chromium');
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', ...QUIET] });
  page = await browser.newPage();
  await page.goto(origin);
}, 300_000);
afterAll(async () => {
  await browser?.close();
  pages?.close();
  await server?.close();
});

it('stores a picture from a page, and shows it', { timeout: 300_000 }, async () => {
  const base64 = (await jpegOf(640, 480)).toString('base64');
  const seen = await page.evaluate(
    async ({ url, token, base64, signing }) => {
      const { ProofsheetClient } = window as unknown as typeof Client;
      const client = new ProofsheetClient({ url, token });
      const source = await (await fetch(`data:image/jpeg;base64,${base64}`)).blob();
      const told: number[] = [];
      const first = await client.put(source, { onProgress: ({ sentBytes }) => told.push(sentBytes) });
      const again = await client.put(source);
      const named = await client.put(source, { key: 'named' });
      const controller = new AbortController();
      controller.abort(new Error('enough'));
      const ended = await client
        .put(new Blob(['x']), { signal: controller.signal })
        .catch((error: Error) => error.message);
      const list: unknown[] = [];
      const wanted = [first.key, 'nothing'].map((key) => ({ key, format: 'auto:200x150' }));
      for await (const { wanted: one, preview, error } of client.previews(wanted))
        list.push([one.key, preview ? (await createImageBitmap(preview)).width : error?.code]);
      const image = new Image();
      image.src = await client.signedPreviewUrl('named', 'auto:200x150', signing);
      await image.decode();
      return {
        first,
        again: again.isUploaded,
        named,
        ended,
        list: list.sort(),
        told: [told[0], told.at(-1) === source.size],
        shown: [image.naturalWidth, image.naturalHeight],
      };
    },
    { url: server.url, token: TOKEN, base64, signing: KEY },
  );
  const { key } = seen.first;
  expect(seen).toEqual({
    first: { key: expect.stringMatching(/^[0-9a-f]{64}$/), isUploaded: true },
    again: false,
    named: { key: 'named', isUploaded: false },
    ended: 'enough',
    list: [
      [key, 200],
      ['nothing', 4040],
    ].toSorted(),
    told: [0, true],
    shown: [200, 150],
  });
});

it('waits in a page as long as a server says, and asks again', { timeout: 300_000 }, async () => {
  const count = await page.evaluate(async () => {
    const { ProofsheetClient } = window as unknown as typeof Client;
    return new ProofsheetClient({ url: `${location.origin}/busy` }).keyCount();
  });
  expect([count, asked.length]).toEqual([7, 2]);
  expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBeGreaterThanOrEqual(990);
});

it('ends an upload that is under way in a page with its signal', { timeout: 300_000 }, async () => {
  const seen = await page.evaluate(
    async ({ url, token }) => {
      const { ProofsheetClient } = window as unknown as typeof Client;
      const client = new ProofsheetClient({ url, token, retries: 0 });
      const stop = new AbortController();
      const noise = crypto.getRandomValues(new Uint8Array(60_000));
      const source = new Blob(Array.from({ length: 15 }, () => noise));
      const told: number[] = [];
      const onProgress = ({ sentBytes }: { readonly sentBytes: number }) => {
        told.push(sentBytes);
        stop.abort(new Error('enough'));
      };
      const ended = await client.put(source, { key: 'ended', signal: stop.signal, onProgress }).catch(String);
      return { ended, told: told.at(0), isThere: await client.has('ended') };
    },
    { url: server.url, token: TOKEN },
  );
  expect(seen).toEqual({ ended: 'Error: enough', told: 0, isThere: false });
});
