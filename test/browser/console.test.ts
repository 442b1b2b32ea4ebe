// The console in a real browser: what it shows is what the server tells, live; axe finds nothing, nothing moves, it fits narrow and wide
// windows in both schemes, works by keyboard, and breaks none of its own policy.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { jpegOf } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';
import { requireTool } from '../support/tools.js';

const HOSTILE_KEY = '<img src=x onerror=alert(1)>';
const QUIET = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Cumulative layout shift up to which a page is called good is 0.1. */
const MAX_SHIFT = 0.01;
const PATIENCE = { timeout: 30_000 };

let server: TestServer;
let browser: Browser;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  server = await startTestServer({ environment: { PROOFSHEET_CONTEXT_MAX_GROUPS: '10' } });
  await upload('photo', await jpegOf(640, 480));
  await upload('photo', await jpegOf(480, 640, '#227744'), 'photos of alice');
  await upload(HOSTILE_KEY, await jpegOf(320, 240, '#cc3300'), HOSTILE_KEY);
  await upload('broken', Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(500, 7)]));
  const executablePath = await requireTool('chromium');
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', ...QUIET] });
}, 300_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

afterEach(() => page?.context().close());

async function upload(key: string, bytes: Buffer, context = ''): Promise<void> {
  const form = new FormData();
  form.set('sourceImage', new Blob([new Uint8Array(bytes)]), 'picture');
  const url = `${server.url}/cacheImage/${encodeURIComponent(key)}?context=${encodeURIComponent(context)}`;
  await (await fetch(url, { method: 'POST', body: form })).arrayBuffer();
}

/** Opens the console and waits until it is live with its lists. */
async function open(width = 1280, colorScheme: 'light' | 'dark' = 'light'): Promise<void> {
  const [username = '', password = ''] = Buffer.from(server.adminAuth.slice(6), 'base64').toString().split(/:(.*)/s);
  const context = await browser.newContext({
    ...{ viewport: { width, height: 844 }, colorScheme },
    httpCredentials: { username, password },
  });
  page = await context.newPage();
  complaints = [];
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => void dialog.dismiss().then(() => complaints.push('a dialog')));
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== 'data:' && origin !== server.origin) complaints.push(`request: ${request.url()}`);
  });
  await page.addInitScript(() => {
    const seen = { shift: 0 };
    Object.assign(globalThis, { seen });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as unknown as { value: number; hadRecentInput: boolean }[])
        if (!entry.hadRecentInput) seen.shift += entry.value;
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await page.goto(`${server.origin}/console`);
  await page.locator('.is-live').waitFor(PATIENCE);
  await page.locator('#body-contexts table').waitFor(PATIENCE);
  await page.locator('#body-work').getByText('There is no library').waitFor(PATIENCE);
}

const textOf = (id: string) => page.locator(`#${id}`).textContent();

describe.each([
  [1280, 'light'],
  [1280, 'dark'],
  [390, 'light'],
  [390, 'dark'],
] as const)('in a window of %i px, %s', (width, scheme) => {
  it('axe finds nothing, nothing is wider than the window, nothing moves, nothing is complained about', async () => {
    await open(width, scheme);
    const shift = await page.evaluate(() => (globalThis as unknown as { seen: { shift: number } }).seen.shift);
    expect(shift).toBeLessThan(MAX_SHIFT);
    await page.locator('input[name=key]').fill('photo');
    await page.getByRole('button', { name: 'Look up' }).click();
    await page.locator('.story').waitFor(PATIENCE);
    const wide = await page.evaluate(() =>
      [document.documentElement, ...document.querySelectorAll('section')]
        .filter((element) => element.scrollWidth > element.clientWidth)
        .map((element) => element.id || element.tagName),
    );
    expect(wide).toEqual([]);
    expect(complaints).toEqual([]);
    // As the debugger says it: the page's own policy takes no program from elsewhere.
    await page.evaluate(AXE);
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      return (await axe.run()).violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))]);
    });
    expect(violations).toEqual([]);
  }, 120_000);
});

it('loads less than 60 kB: the page and its program', async () => {
  const sizes: Promise<number>[] = [];
  await open();
  await page.reload();
  page.on('response', (response) => {
    if (/\/console$|\/app\//.test(new URL(response.url()).pathname))
      sizes.push(response.body().then(({ length }) => length));
  });
  await page.goto(`${server.origin}/console`);
  await page.locator('.is-live').waitFor(PATIENCE);
  const all = await Promise.all(sizes);
  expect(all.length).toBeGreaterThanOrEqual(6);
  expect(all.reduce((sum, size) => sum + size, 0)).toBeLessThan(60_000);
}, 120_000);

it('shows what is stored as it changes, without being asked', async () => {
  await open();
  await expect.poll(() => textOf('now-groups'), PATIENCE).toBe('3');
  await upload('one more', await jpegOf(200, 150, '#0033cc'));
  await expect.poll(() => textOf('now-groups'), PATIENCE).toBe('4');
  await expect.poll(() => page.locator('#body-pictures li').first().textContent(), PATIENCE).toContain('one more');
}, 120_000);

it('shows an uploader’s names as text alone, and quotas as shares', async () => {
  await open();
  await expect.poll(() => textOf('body-pictures'), PATIENCE).toContain(HOSTILE_KEY);
  expect(await page.locator('img[src=x]').count()).toBe(0);
  const row = page.getByRole('row', { name: /photos of alice/ });
  expect(await row.textContent()).toContain('10 %');
  expect(complaints).toEqual([]);
}, 120_000);

it('is worked by keyboard: a picture is looked up, and a refused source forgotten, which is said', async () => {
  await open();
  await page.locator('input[name=key]').focus();
  await page.keyboard.type('photo');
  await page.keyboard.press('Tab');
  await page.keyboard.type('photos of alice');
  await page.keyboard.press('Enter');
  await expect.poll(() => textOf('found'), PATIENCE).toContain('480 × 640');
  expect(await textOf('found')).toContain('Which answers what, and why');
  expect(await textOf('body-failed')).toContain('cacheImage (image-converter)');
  const forget = page.getByRole('button', { name: 'Forget' });
  await forget.focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => textOf('told'), PATIENCE).toContain('its next upload is tried');
  await expect.poll(() => textOf('body-refused'), PATIENCE).toContain('No source is refused');
}, 120_000);

it('says that it is not live when the server has gone, and is again when it is back', async () => {
  await open();
  await page.context().setOffline(true);
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.locator('.is-lost').waitFor(PATIENCE);
  await page.context().setOffline(false);
  await page.locator('.is-live').waitFor(PATIENCE);
}, 120_000);

it('is told by the browser when a page breaks the policy, so that the tests before can fail', async () => {
  await open();
  await page.evaluate(() => {
    const script = document.createElement('script');
    try {
      script.textContent = 'document.title = "script ran"';
    } catch {
      // Trusted types refuse the text already.
    }
    document.body.append(script);
  });
  expect(await page.title()).toBe('Proofsheet console');
  await expect.poll(() => complaints.join(), PATIENCE).toMatch(/Content Security Policy|TrustedScript/);
}, 120_000);
