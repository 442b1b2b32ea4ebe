// The examples run as they stand in examples/, against a server that asks for tokens and signatures.
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDocument } from '../support/documents.js';
import { run, start } from '../support/processes.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';
import { NODE, requireTool } from '../support/tools.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TOKEN = 'token-of-the-app-0001';
const URL_KEY = 'k1:secret-of-the-app-0123456789abcdef';

let dir: TempDir;
let server: ServerProcess;
let environment: Record<string, string>;

beforeAll(async () => {
  dir = await tempDir();
  server = await startServerProcess({
    PROOFSHEET_DATA_DIR: dir.path,
    PROOFSHEET_API_TOKENS: TOKEN,
    PROOFSHEET_URL_KEYS: URL_KEY,
  });
  environment = {
    PATH: process.env.PATH ?? '',
    PROOFSHEET_URL: server.url,
    PROOFSHEET_TOKEN: TOKEN,
    PROOFSHEET_URL_KEY: URL_KEY,
    PORT: '0',
  };
}, 300_000);

afterAll(async () => {
  server?.kill('SIGKILL');
  await server?.gone;
  await dir?.remove();
});

/** Starts an example that says where it listens in its first line; `lines`: what it has said since. */
async function startExample(path: string, more: Record<string, string> = {}) {
  const child = start(NODE, [`${ROOT}/examples/${path}`], { cwd: ROOT, env: { ...environment, ...more } });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  const [url] = (await Promise.race([
    once(reader, 'line'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the example ended with ${code}`))),
  ])) as [string];
  reader.on('line', (line) => lines.push(line));
  return { url, lines, end: () => child.kill('SIGKILL') };
}

const upload = async (key: string, context: string, bytes: Buffer) =>
  fetch(`${server.url}/cacheImage/${encodeURIComponent(key)}?context=${encodeURIComponent(context)}`, {
    method: 'PUT',
    headers: { Authorization: `Bearer ${TOKEN}` },
    body: new Uint8Array(bytes),
  });

describe.each([
  ['Python', 'debian-python3', 'sign_url.py'],
  ['PHP', 'php', 'sign_url.php'],
] as const)('signing in %s', (_language, tool, file) => {
  it.each([
    ['a key', ''],
    ["it's (50 %) größer/😀*", 'tenant + 1~'],
  ])('opens the preview of %j in %j, and nothing else', async (key, context) => {
    expect((await upload(key, context, await jpegOf(320, 240))).status).toBe(200);
    const program = await requireTool(tool);
    const { stdout } = await run(program, [`${ROOT}/examples/sign-url/${file}`, key, 'auto:200x150', context], {
      env: environment,
    });
    const url = stdout.trim();
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    expect((await fetch(url.replace('200x150', '800x800'))).status).toBe(401);
    expect((await fetch(url.replace(/expires=(\d)/, 'expires=9$1'))).status).toBe(401);
  });
});

describe('the app on Express', () => {
  it('takes uploads, shows previews by signed URLs, and says what is no picture', { timeout: 120_000 }, async () => {
    const app = await startExample('express-app/app.mjs');
    try {
      const send = (bytes: Buffer, name: string) => {
        const form = new FormData();
        form.set('file', new Blob([new Uint8Array(bytes)]), name);
        return fetch(`${app.url}/documents`, { method: 'POST', body: form, redirect: 'manual' });
      };
      const sent = await send(await jpegOf(640, 480), '<b>report.jpg');
      expect([sent.status, sent.headers.get('location')]).toEqual([303, '/']);
      const page = await (await fetch(app.url)).text();
      expect(page).toContain('&#60;b&#62;report.jpg');
      expect(page).not.toContain(TOKEN);
      const url = /<img src="([^"]+)"/.exec(page)?.[1]?.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code));
      const preview = await fetch(url ?? '');
      expect([preview.status, preview.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
      const refused = await send(Buffer.from('no picture at all, whatever its name says'), 'fake.jpg');
      expect([refused.status, await refused.text()]).toEqual([415, expect.stringContaining('expected an image')]);
    } finally {
      app.end();
    }
  });
});

describe('the listener of webhooks', () => {
  it('takes what was signed now and by the secret, each once', { timeout: 120_000 }, async () => {
    const secret = `whsec_${Buffer.from('a secret of 24 bytes or so').toString('base64')}`;
    const listener = await startExample('webhook-listener/listen.mjs', { PROOFSHEET_WEBHOOK_SECRET: secret });
    try {
      const send = (id: string, at: Date, by: string) => {
        const body = JSON.stringify({ type: 'asset.created', id: 'a1' });
        const headers = {
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
          'webhook-signature': new Webhook(by).sign(id, at, body),
        };
        return fetch(listener.url, { method: 'POST', headers, body });
      };
      const other = `whsec_${Buffer.from('the secret of somebody else').toString('base64')}`;
      const now = new Date();
      expect((await send('m1', now, secret)).status).toBe(204);
      expect((await send('m1', now, secret)).status).toBe(204);
      expect((await send('m2', now, other)).status).toBe(400);
      expect((await send('m3', new Date(now.getTime() - 3_600_000), secret)).status).toBe(400);
      expect((await send('m4', now, secret)).status).toBe(204);
      await expect.poll(() => listener.lines.length, { timeout: 30_000 }).toBe(2);
      const told = listener.lines.map((line) => JSON.parse(line) as { id: string; event: { type: string } });
      expect(told.map(({ id, event }) => [id, event.type])).toEqual([
        ['m1', 'asset.created'],
        ['m4', 'asset.created'],
      ]);
    } finally {
      listener.end();
    }
  });
});

it('the page of the examples names each that there is', () => {
  const page = readDocument('examples/README.md');
  const names = readdirSync(`${ROOT}/examples`, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  );
  expect(names.length).toBeGreaterThan(5);
  for (const name of names) expect(page).toMatch(new RegExp(`^\\| \\[${name}\\]\\(${name}`, 'm'));
});
