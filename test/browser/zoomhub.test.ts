// ZoomHub in a real browser: its page, its embed in a frame of another site, and its script in a page of others. What is shown is the
// picture behind the URL, and the browser asks for nothing that is missing, and no other host.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, chromium, type Frame, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { until } from '../support/gate.js';
import { type Origin, startOrigin } from '../support/origins.js';
import { shownDifference } from '../support/screenshots.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { startTestServer, type TestServer } from '../support/test-server.js';
import { requireTool } from '../support/tools.js';

const QUIET = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];
const [WIDTH, HEIGHT] = [1500, 1000];
const VIEW = { width: 600, height: 400 };
/** Mean difference of two pictures' samples, of 255: JPEG and the browser's scaling make 1 to 3. */
const TOLERANCE = 6;

let dir: TempDir;
let server: TestServer;
let origin: Origin;
let browser: Browser;
let page: Page;
let picture: Buffer;
let complaints: string[];
let id: string;
/** A page of another site, which the origin has too. */
let others = '';
/** What the origin waits for before it gives the picture. */
let given: () => void;

beforeAll(async () => {
  const pixels = Buffer.alloc(WIDTH * HEIGHT * 3);
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++)
      pixels.set([(255 * x) / WIDTH, (255 * y) / HEIGHT, 128 + 100 * Math.sin(x / 60)], 3 * (y * WIDTH + x));
  picture = await sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .jpeg({ quality: 95 })
    .toBuffer();
  const asked = new Promise<void>((resolve) => {
    given = resolve;
  });
  origin = await startOrigin(async ({ url }, response) => {
    if (url === '/others') return void response.setHeader('Content-Type', 'text/html').end(others);
    await asked;
    response.end(picture);
  });
  dir = await tempDir();
  const tenants = join(dir.path, 'tenants.yaml');
  await writeFile(tenants, JSON.stringify([{ id: 'hub', context: 'hub' }]));
  server = await startTestServer({
    environment: {
      PROOFSHEET_DIALECTS: 'image-converter,zoomhub',
      PROOFSHEET_TENANTS: tenants,
      PROOFSHEET_ZOOMHUB_TENANT: 'hub',
      PROOFSHEET_ZOOMHUB_TAKES_NEW: 'true',
      PROOFSHEET_ZOOMHUB_TAKES_UPLOADS: 'true',
      PROOFSHEET_CORS_ORIGINS: origin.url(''),
      PROOFSHEET_API_TOKENS: 't'.repeat(32),
      PROOFSHEET_URL_KEYS: `main:${'s'.repeat(32)}`,
      PROOFSHEET_FETCH_ALLOW: `127.0.0.1:${origin.port}`,
    },
    maxSourceBytes: 2e7,
  });
  const executablePath = await requireTool('chromium');
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', ...QUIET] });
}, 300_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await origin?.close();
  await dir?.remove();
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
    const { protocol, origin: asked } = new URL(request.url());
    const isOurs = asked === server.origin || request.url() === origin.url('/others');
    if (!['data:', 'blob:'].includes(protocol) && !isOurs) complaints.push(`request: ${request.url()}`);
  });
});

/** A page of another site, with what it holds. */
async function pageOfOthers(body: string): Promise<void> {
  others = `<!doctype html><title>Others</title><link rel="icon" href="data:,"><style>body{margin:0}</style>${body}`;
  await page.goto(origin.url('/others'));
}

/** What of OpenSeadragon is used here. */
interface Viewer {
  readonly viewport: { fitBounds(bounds: object, immediately: boolean): void };
  readonly world: { getItemAt(at: number): { getFullyLoaded(): boolean } | undefined };
}

/** Nearer than the whole: of the proportions of the window, the last its own pixels. */
const PARTS = [
  { left: 300, top: 200, width: 900, height: 600 },
  { left: 750, top: 350, ...VIEW },
];

/** All of it, then parts of it, in a viewer that stands in `frame`. */
async function expectShownAtThreeZooms(name: string, frame: Frame): Promise<void> {
  await expectShown(name);
  for (const part of PARTS) {
    await frame.evaluate(
      ({ left, top, width, height, whole }) => {
        const { proofsheetViewer: viewer } = document.getElementById('viewer') as unknown as {
          proofsheetViewer: Viewer;
        };
        const { OpenSeadragon } = window as unknown as {
          OpenSeadragon: { Rect: new (x: number, y: number, width: number, height: number) => object };
        };
        const bounds = new OpenSeadragon.Rect(left / whole, top / whole, width / whole, height / whole);
        viewer.viewport.fitBounds(bounds, true);
      },
      { ...part, whole: WIDTH },
    );
    await frame.waitForFunction(
      () =>
        (document.getElementById('viewer') as unknown as { proofsheetViewer: Viewer }).proofsheetViewer.world
          .getItemAt(0)
          ?.getFullyLoaded() === true,
    );
    await expectShown(`${name} from ${part.left}`, part);
  }
}

async function expectShown(name: string, part?: (typeof PARTS)[number]): Promise<void> {
  const shown = part ? sharp(picture).extract(part) : sharp(picture);
  const pixels = await shown.resize(VIEW.width, VIEW.height, { fit: 'fill' }).raw().toBuffer();
  const wanted = { pixels, width: VIEW.width, tolerance: TOLERANCE };
  const difference = await shownDifference(page, wanted, `zoomhub ${name}`);
  expect([name, difference < TOLERANCE, difference]).toEqual([name, true, difference]);
  expect(complaints).toEqual([]);
}

it('its page waits for a picture that is being made, and shows it when it is there', async () => {
  await page.goto(`${server.origin}/zoomhub/?url=${encodeURIComponent(origin.url('/photo.jpg'))}`);
  [, id = ''] = /\/zoomhub\/([a-z0-9]{12})$/.exec(page.url()) ?? [];
  await page.getByText('is being processed').waitFor();
  given();
  await expectShownAtThreeZooms('page', page.mainFrame());
  await until(async () => (await fetch(`${server.origin}/zoomhub/v1/content/${id}`)).ok, 'the content is there');
}, 120_000);

it('its embed shows it in a frame of another site', async () => {
  await pageOfOthers(
    `<iframe src="${server.origin}/zoomhub/${id}/embed" width="${VIEW.width}" height="${VIEW.height}" style="border:0"></iframe>`,
  );
  const frame = page.frames().find((one) => one.url().endsWith('/embed'));
  if (frame === undefined) throw new Error('expected a frame');
  await expectShownAtThreeZooms('embed', frame);
}, 120_000);

it('its script shows it in a page of another site, where the script stands', async () => {
  const content = (await (await fetch(`${server.origin}/zoomhub/v1/content/${id}`)).json()) as { embedHtml: string };
  await pageOfOthers(`<div>${content.embedHtml.replace('?width=auto', '?border=none&width=auto')}</div>`);
  await expectShown('script');
  expect(await page.locator('div > script + .__zoomhub.__seadragon').count()).toBe(1);
}, 120_000);

it('a page of another site sends a file there, follows the answer, and what came of it is shown', async () => {
  await pageOfOthers('');
  const bytes = [...picture];
  const content = await page.evaluate(
    async ({ api, bytes }) => {
      const { url, ...fields } = await (await fetch(`${api}/v1/content/upload?email=test%40example.com`)).json();
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
      form.append('file', new File([new Uint8Array(bytes)], 'cat.jpg', { type: 'image/jpeg' }));
      const answer = await fetch(url, { method: 'POST', body: form });
      return { status: answer.status, at: answer.url, ...(await answer.json()) };
    },
    { api: `${server.origin}/zoomhub`, bytes },
  );
  expect(content).toMatchObject({
    status: 200,
    at: `${server.origin}/zoomhub/v1/content/${content.id}`,
    failed: false,
  });
  const shown = async () => (await fetch(`${server.origin}/zoomhub/v1/content/${content.id}`)).json();
  await until(async () => ((await shown()) as { ready: boolean }).ready, 'the tiles are there');
  await page.goto(`${server.origin}/zoomhub/${content.id}`);
  await expectShown('uploaded');
}, 120_000);
