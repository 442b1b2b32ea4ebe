// A picture in a real OpenSeadragon in a real browser: on our page, and on one that opens it by IIIF 2 and 3 as anybody's would. At three
// zoom levels what is shown is the picture, and the browser asks for nothing that is missing, and no other host.
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { shownDifference } from '../support/screenshots.js';
import { startTestServer, type TestServer } from '../support/test-server.js';
import { requireTool } from '../support/tools.js';

const QUIET = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];
const WIDTH = 2400;
const HEIGHT = 1600;
const VIEW = { width: 900, height: 600 };
/** Mean difference of two pictures' samples, of 255: JPEG and the browser's scaling make 1 to 3. */
const TOLERANCE = 6;

const PAGE_OF_OTHERS =
  '<!doctype html><title>A page</title><link rel="icon" href="data:,"><style>body{margin:0}#viewer{position:fixed;inset:0}</style><div id="viewer"></div>';

/** What the page's own script hands out, for those who look. */
interface Viewer {
  readonly viewport: { fitBounds(bounds: object, immediately: boolean): void };
  readonly world: { getItemAt(index: number): { getFullyLoaded(): boolean } | undefined };
}

let server: TestServer;
let browser: Browser;
let page: Page;
let pixels: Buffer;
let complaints: string[];

beforeAll(async () => {
  server = await startTestServer({
    environment: { PROOFSHEET_DIALECTS: 'image-converter,dzi,iiif' },
    maxSourceBytes: 2e7,
  });
  pixels = Buffer.alloc(WIDTH * HEIGHT * 3);
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++)
      pixels.set(
        [(255 * x) / WIDTH, (255 * y) / HEIGHT, 128 + 100 * Math.sin(x / 60) * Math.cos(y / 45)],
        3 * (y * WIDTH + x),
      );
  const form = new FormData();
  const bytes = await picture().jpeg({ quality: 95 }).toBuffer();
  form.set('sourceImage', new Blob([new Uint8Array(bytes)]), 'photo.jpg');
  expect((await fetch(`${server.url}/cacheImage/photo`, { method: 'POST', body: form })).status).toBe(200);
  const executablePath = await requireTool('chromium');
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', ...QUIET] });
}, 300_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

beforeEach(async () => {
  await page?.close();
  page = await browser.newPage({ viewport: VIEW });
  complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
  });
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (!['data:', 'blob:'].includes(protocol) && origin !== server.origin)
      complaints.push(`request: ${request.url()}`);
  });
});

function picture() {
  return sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });
}

/** Parts of the picture with the proportions of the window, from all of it to its own pixels. */
const PARTS = [
  { name: 'the whole', left: 0, top: 0, width: WIDTH, height: HEIGHT },
  { name: 'a quarter', left: 600, top: 400, width: 1200, height: 800 },
  { name: 'its pixels', left: 1100, top: 300, width: 900, height: 600 },
];

async function expectShown(name: string): Promise<void> {
  await page.waitForFunction(() => 'proofsheetViewer' in window);
  for (const part of PARTS) {
    await page.evaluate(
      ({ left, top, width, height, whole }) => {
        const { proofsheetViewer: viewer } = window as unknown as { proofsheetViewer: Viewer };
        const bounds = { x: left / whole, y: top / whole, width: width / whole, height: height / whole, degrees: 0 };
        const { OpenSeadragon } = window as unknown as {
          OpenSeadragon: { Rect: new (x: number, y: number, width: number, height: number) => object };
        };
        const open = () => viewer.world.getItemAt(0) !== undefined;
        return new Promise<void>((resolve) => {
          const look = () => {
            if (!open()) return void setTimeout(look, 20);
            viewer.viewport.fitBounds(new OpenSeadragon.Rect(bounds.x, bounds.y, bounds.width, bounds.height), true);
            resolve();
          };
          look();
        });
      },
      { ...part, whole: WIDTH },
    );
    await page.waitForFunction(
      () =>
        (window as unknown as { proofsheetViewer: Viewer }).proofsheetViewer.world.getItemAt(0)?.getFullyLoaded() ===
        true,
    );
    const pixels = await picture().extract(part).resize(VIEW.width, VIEW.height, { fit: 'fill' }).raw().toBuffer();
    // Without the buttons. Tiles are blended in over some frames after they have come.
    const wanted = { pixels, width: VIEW.width, top: 100, tolerance: TOLERANCE };
    const difference = await shownDifference(page, wanted, `deep-zoom ${name} ${part.name}`);
    expect([part.name, difference < TOLERANCE, difference]).toEqual([part.name, true, difference]);
  }
  expect(complaints).toEqual([]);
}

describe('OpenSeadragon shows the picture', () => {
  it('on our page, by Deep Zoom', async () => {
    await page.goto(`${server.origin}/dzi/view/_/photo`);
    await expectShown('dzi');
  });

  it.each([2, 3])('by IIIF %i', async (version) => {
    // A page of the same origin without a policy of its own, as those of others are, that has an icon: no browser looks for one.
    const url = `${server.origin}/a-page-of-others`;
    await page.route(url, (route) => route.fulfill({ contentType: 'text/html', body: PAGE_OF_OTHERS }));
    await page.goto(url);
    await page.addScriptTag({ url: `${server.origin}/dzi/scripts/viewer/openseadragon.js` });
    await page.evaluate((url) => {
      const { OpenSeadragon } = window as unknown as { OpenSeadragon: (options: object) => unknown };
      Object.assign(window, {
        proofsheetViewer: OpenSeadragon({
          id: 'viewer',
          tileSources: url,
          showNavigationControl: false,
          crossOriginPolicy: 'Anonymous',
        }),
      });
    }, `${server.origin}/iiif/${version}/photo/info.json`);
    await expectShown(`iiif ${version}`);
  });
});

describe('the page', () => {
  it('runs no script of its own, and lets nobody else’s in', async () => {
    const answer = await page.goto(`${server.origin}/dzi/view/_/photo`);
    const policy = answer?.headers()['content-security-policy'] ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(await answer?.text()).not.toMatch(/<script(?![^>]*\bsrc=)/);
  });

  it('can be used without a mouse: its buttons have names and do what they say', async () => {
    await page.goto(`${server.origin}/dzi/view/_/photo`);
    await page.waitForFunction(
      () => (window as unknown as { proofsheetViewer?: Viewer }).proofsheetViewer?.world.getItemAt(0) !== undefined,
    );
    const zoom = () =>
      page.evaluate(() =>
        (
          window as unknown as { proofsheetViewer: { viewport: { getZoom(): number } } }
        ).proofsheetViewer.viewport.getZoom(),
      );
    const before = await zoom();
    await page.getByRole('button', { name: 'Zoom in' }).focus();
    await page.keyboard.press('Enter');
    expect(await zoom()).toBeCloseTo(2 * before, 3);
    await page.getByRole('button', { name: 'Whole picture' }).click();
    expect(await zoom()).toBeCloseTo(before, 3);
    for (const name of ['Zoom out', 'Full page']) expect(await page.getByRole('button', { name }).count()).toBe(1);
  });

  it('of a picture that there is not is not found', async () => {
    expect((await page.goto(`${server.origin}/dzi/view/_/absent`))?.status()).toBe(404);
  });
});
