// The status page in a real browser: what it shows are the API's own figures, its style sheet applies under its own policy,
// it fits narrow and wide windows, both colour schemes can be read, and nothing an uploader named ever runs or shows.
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { jpegOf, translucentPng } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';
import { requireTool } from '../support/tools.js';

const HOSTILE_KEY = '<script>alert(1)</script>';
const QUIET = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];
/** WCAG 2.2, success criterion 1.4.3: contrast of text below 24 px. */
const MIN_CONTRAST = 4.5;

let server: TestServer;
let browser: Browser;
let page: Page;
/** What the browser complained about: errors, violations of the page's policy, dialogs, requests to anywhere else. */
let complaints: string[];

beforeAll(async () => {
  server = await startTestServer();
  await upload('photo', await jpegOf(640, 480));
  await upload('alpha', await translucentPng(300, 200), 'photos of alice');
  await upload(HOSTILE_KEY, await jpegOf(320, 240, '#cc3300'), HOSTILE_KEY, `"><img src=x onerror=alert(2)>.jpg`);
  for (let times = 0; times < 9; times++)
    expect((await fetch(`${server.url}/getImage/photo/auto:200x150`)).status).toBe(200);
  expect((await fetch(`${server.url}/getImage/absent/auto:200x150`)).status).toBe(404);
  const executablePath = await requireTool('chromium');
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', ...QUIET] });
}, 300_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

beforeEach(async () => {
  await page?.close();
  page = await browser.newPage();
  complaints = [];
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== 'data:' && origin !== server.origin) complaints.push(`request: ${request.url()}`);
  });
});

async function upload(key: string, bytes: Buffer, context = '', fileName = 'picture'): Promise<void> {
  const form = new FormData();
  form.set('sourceImage', new Blob([new Uint8Array(bytes)]), fileName);
  const query = `?context=${encodeURIComponent(context)}`;
  const url = `${server.url}/cacheImage/${encodeURIComponent(key)}${query}`;
  expect((await fetch(url, { method: 'POST', body: form })).status).toBe(200);
}

/** The page's figures by their names. */
async function facts(): Promise<Readonly<Record<string, string>>> {
  const pairs = await page
    .locator('.facts div')
    .evaluateAll((boxes) =>
      boxes.map((box) => [box.querySelector('dt')?.textContent ?? '', box.querySelector('dd')?.textContent ?? '']),
    );
  return Object.fromEntries(pairs);
}

/** Text cells of the table below the heading `title`, row by row. */
async function rowsOf(title: string): Promise<string[][]> {
  return page
    .locator('section', { has: page.getByRole('heading', { name: title, exact: true }) })
    .locator('tbody tr')
    .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent ?? '')));
}

/** Texts whose contrast to what is behind them is too low. */
function faintTexts(): Promise<string[]> {
  return page.evaluate((least) => {
    const channelsOf = (colour: string): number[] => (colour.match(/[\d.]+/g) ?? []).map(Number);
    const backgroundOf = (element: Element | null): number[] => {
      const channels = element === null ? [255, 255, 255] : channelsOf(getComputedStyle(element).backgroundColor);
      return channels[3] === 0 && element !== null ? backgroundOf(element.parentElement) : channels;
    };
    // Relative luminance and contrast ratio as WCAG 2.2 defines them.
    const luminanceOf = (channels: number[]): number => {
      const [r = 0, g = 0, b = 0] = channels.map((channel) => {
        const share = channel / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    return [...document.querySelectorAll('h1,h2,p,dt,dd,th,td,a')].flatMap((element) => {
      const lights = [channelsOf(getComputedStyle(element).color), backgroundOf(element)].map(luminanceOf);
      const ratio = (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
      return ratio < least ? [`${element.tagName} ${element.textContent} ${ratio.toFixed(2)}`] : [];
    });
  }, MIN_CONTRAST);
}

describe('the status page in Chromium', () => {
  it('loads without any complaint of the browser, and its style sheet applies', async () => {
    const response = await page.goto(`${server.url}/status?metrics=yes`);
    expect(response?.status()).toBe(200);
    expect(complaints).toEqual([]);
    // Without the style sheet the figures would be stacked blocks: the policy's digest and the sheet belong together.
    expect(await page.locator('.facts').evaluate((list) => getComputedStyle(list).display)).toBe('grid');
  });

  it('is told by the browser when a page breaks the policy, so that the test before this one can fail', async () => {
    await page.goto(`${server.url}/status`);
    await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'document.title = "script ran"';
      document.body.append(script);
    });
    expect(await page.title()).toBe('Proofsheet status');
    await expect.poll(() => complaints.join()).toContain('Content Security Policy');
  });

  it('shows the figures that the API tells', async () => {
    const { count } = (await (await fetch(`${server.url}/getKeyCount`)).json()) as { readonly count: number };
    const metrics = await (await fetch(`${server.origin}/metrics`)).text();
    const sum = (name: string): number =>
      metrics
        .split('\n')
        .filter((line) => line.startsWith(name))
        .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
    await page.goto(`${server.url}/status`);
    const shown = await facts();
    expect(count).toBe(3);
    expect(shown).toMatchObject({ 'Image keys': '3', 'Image groups': '3', 'Distinct sources': '3' });
    expect(Number(shown.Hits)).toBe(sum('proofsheet_cache_hits_total'));
    // Nine fetches of a preview that is there: nine hits, and three sources that had to be made.
    expect(shown).toMatchObject({ Hits: '9', Misses: '3', 'Hit ratio': '75.0 %' });
  });

  it('shows bytes and durations with their units, queue peaks and the configured limits', async () => {
    await page.goto(`${server.url}/status`);
    const tiers = await rowsOf('Bytes by tier');
    expect(tiers.map(([name]) => name)).toEqual(['memory', 'disk']);
    for (const [, stored, limit, full] of tiers) {
      expect(stored).toMatch(/^[\d.,]+ (B|KiB|MiB)$/);
      expect(limit).toMatch(/^[\d.,]+ (MiB|GiB)$/);
      expect(full).toMatch(/^\d+\.\d %$/);
    }
    const medians = await rowsOf('Median durations');
    expect(medians.map(([name]) => name)).toEqual(['getImage', 'cacheImage', 'conversion']);
    for (const [, median] of medians) expect(median).toMatch(/^[\d.,]+ ms$/);
    const queues = await rowsOf('Conversion queue');
    expect(queues.map(([priority]) => priority)).toEqual(['instant', 'medium', 'background']);
    for (const [, depth, peak] of queues) expect(Number(peak)).toBeGreaterThanOrEqual(Number(depth));
    const limits = Object.fromEntries(await rowsOf('Limits'));
    expect(limits).toMatchObject({
      'Bytes of a source': '976.6 KiB',
      'Conversion time': '30 s',
      'Age since last access': '30 d',
      Converters: '1 per worker',
    });
  });

  it('goes to the metrics by its link, and shows there what /metrics tells, values in sight', async () => {
    await page.goto(`${server.url}/status`);
    await page.getByRole('link', { name: 'All metrics' }).click();
    await page.waitForURL('**/status?metrics=yes');
    const rows = new Map((await rowsOf('Metrics')).map(([name, value]) => [name, value]));
    expect(rows.get('proofsheet_keys')).toBe('3');
    expect(rows.get('proofsheet_conversions_total{source_type="png",result="ok"}')).toBe('1');
    const value = page
      .getByRole('cell', { name: 'proofsheet_keys', exact: true })
      .locator('xpath=following-sibling::td');
    const [cell, section] = await Promise.all([value.boundingBox(), page.locator('section').last().boundingBox()]);
    expect((cell?.x ?? 0) + (cell?.width ?? 0)).toBeLessThanOrEqual((section?.x ?? 0) + (section?.width ?? 0));
  });

  it.each([320, 360, 768, 1280, 2560])('needs no sideways scrolling in a window of %i px', async (width) => {
    await page.setViewportSize({ width, height: 800 });
    for (const query of ['', '?metrics=yes']) {
      await page.goto(`${server.url}/status${query}`);
      const wide = await page.evaluate(() =>
        [document.documentElement, ...document.querySelectorAll('section')]
          .filter((element) => element.scrollWidth > element.clientWidth)
          .map((element) => element.textContent?.slice(0, 40)),
      );
      expect(wide).toEqual([]);
    }
  });

  it.each(['light', 'dark'] as const)('can be read in the %s scheme', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    const faint: string[] = [];
    for (const query of ['', '?metrics=yes']) {
      await page.goto(`${server.url}/status${query}`);
      faint.push(...(await faintTexts()));
    }
    expect(faint).toEqual([]);
  });

  it('has a language, a title, one main landmark, headings in order, and tables with heads of their own', async () => {
    await page.goto(`${server.url}/status?metrics=yes`);
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
    expect(await page.title()).toBe('Proofsheet status');
    expect(await page.getByRole('main').count()).toBe(1);
    const headings = await page.locator('h1,h2,h3,h4').evaluateAll((all) => all.map(({ tagName }) => tagName));
    expect(headings).toEqual(['H1', 'H2', 'H2', 'H2', 'H2', 'H2']);
    const tables = await page.locator('table').count();
    expect(tables).toBe(5);
    for (let index = 0; index < tables; index++) {
      const table = page.locator('table').nth(index);
      const columns = await table.locator('tbody tr').first().locator('td').count();
      expect(await table.locator('thead th[scope=col]').count()).toBe(columns);
    }
  });

  it('shows no key, context or file name, and runs nothing that an uploader wrote', async () => {
    await page.goto(`${server.url}/status?metrics=yes`);
    const text = await page.content();
    for (const name of ['alert(', 'photos of alice', 'onerror', 'picture']) expect(text).not.toContain(name);
    expect(await page.locator('script').count()).toBe(0);
    expect(complaints).toEqual([]);
  });
});
