// Deep Zoom and IIIF over real previews, tiles and converters: the checks of the IIIF image validator (region, size, rotation, quality,
// format, identifiers, info.json, links, errors), each from the specification, on its picture of coloured squares; and what viewers of
// Deep Zoom ask for.
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maxLevelOf } from '../../src/kernel/zoom/pyramid.js';
import { argumentsOf, childrenOf } from '../support/processes.js';
import { pdfOf, quartersPage } from '../support/sources/pdfs.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

const SIDE = 1000;
const SQUARE = 100;

/** Colours of ten by ten squares, as far apart as the validator's. */
function colourAt(column: number, row: number): readonly [number, number, number] {
  return [25 * column + 10, 25 * row + 10, (column + row) % 2 === 0 ? 60 : 190];
}

let server: TestServer;

beforeAll(async () => {
  const environment = {
    PROOFSHEET_DIALECTS: 'image-converter,dzi,iiif',
    PROOFSHEET_PUBLIC_URL: 'https://pictures.test',
    PROOFSHEET_SOURCE_TYPES: 'jpeg,png,pdf',
    PROOFSHEET_ZOOM_WAIT_MS: '60000',
  };
  server = await startTestServer({ environment });
  const pixels = Buffer.alloc(SIDE * SIDE * 3);
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++)
      pixels.set(colourAt(Math.floor(x / SQUARE), Math.floor(y / SQUARE)), 3 * (y * SIDE + x));
  const squares = await sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .png()
    .toBuffer();
  await upload('squares', squares);
  await upload('squares', squares, 'house');
  await upload('a/b c', squares);
}, 120_000);
afterAll(() => server.close());

async function upload(key: string, bytes: Buffer, context = '', to = server): Promise<void> {
  const form = new FormData();
  form.set('sourceImage', new Blob([new Uint8Array(bytes)]), 'squares.png');
  const url = `${to.url}/cacheImage/${encodeURIComponent(key)}?context=${context}`;
  expect((await fetch(url, { method: 'POST', body: form })).status).toBe(200);
}

const get = (path: string, init: RequestInit = {}) => fetch(`${server.origin}${path}`, { redirect: 'manual', ...init });

async function picture(path: string) {
  const answer = await get(path);
  expect([path, answer.status]).toEqual([path, 200]);
  const { data, info } = await sharp(Buffer.from(await answer.arrayBuffer()))
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number): readonly number[] => {
    const from = (y * info.width + x) * info.channels;
    return [...data.subarray(from, from + 3)];
  };
  return { answer, width: info.width, height: info.height, at };
}

function expectColour(got: readonly number[], want: readonly number[]): void {
  for (const [index, value] of want.entries()) expect(Math.abs((got[index] ?? -999) - value)).toBeLessThan(14);
}

describe.each([2, 3] as const)('the Image API, version %i', (version) => {
  const base = `/iiif/${version}/squares`;
  const FULL = version === 2 ? 'full' : 'max';

  it('regions by pixels, by percent, square, full, and cut at the edge', async () => {
    const byPixels = await picture(`${base}/210,320,70,60/${FULL}/0/default.jpg`);
    expect([byPixels.width, byPixels.height]).toEqual([70, 60]);
    expectColour(byPixels.at(35, 30), colourAt(2, 3));
    const byPercent = await picture(`${base}/pct:41,52,8,7/${FULL}/0/default.jpg`);
    expect([byPercent.width, byPercent.height]).toEqual([80, 70]);
    expectColour(byPercent.at(40, 35), colourAt(4, 5));
    const square = await picture(`${base}/square/${FULL}/0/default.jpg`);
    expect([square.width, square.height]).toEqual([SIDE, SIDE]);
    const cut = await picture(`${base}/910,910,500,500/${FULL}/0/default.jpg`);
    expect([cut.width, cut.height]).toEqual([90, 90]);
    expectColour(cut.at(45, 45), colourAt(9, 9));
    const full = await picture(`${base}/full/${FULL}/0/default.jpg`);
    for (const [column, row] of [
      [0, 0],
      [9, 0],
      [4, 7],
    ] as const)
      expectColour(full.at(column * SQUARE + 50, row * SQUARE + 50), colourAt(column, row));
  });

  it('sizes by width, by height, by percent, by both, and within both', async () => {
    for (const [size, width, height] of [
      ['420,', 420, 420],
      [',333', 333, 333],
      ['pct:42', 420, 420],
      ['300,150', 300, 150],
      ['!200,700', 200, 200],
      ['max', SIDE, SIDE],
    ] as const) {
      const made = await picture(`${base}/full/${size}/0/default.jpg`);
      expect([size, made.width, made.height]).toEqual([size, width, height]);
      expectColour(made.at(Math.floor(width * 0.35), Math.floor(height * 0.75)), colourAt(3, 7));
    }
    const region = await picture(`${base}/100,200,300,300/150,/0/default.jpg`);
    expect([region.width, region.height]).toEqual([150, 150]);
    expectColour(region.at(125, 25), colourAt(3, 2));
  });

  it('enlarging', async () => {
    const up = version === 3 ? '^' : '';
    for (const size of [`${up}1200,`, `${up}pct:120`, `${up}1200,1200`, `${up}!1200,1500`]) {
      const made = await picture(`${base}/full/${size}/0/default.jpg`);
      expect([size, made.width, made.height]).toEqual([size, 1200, 1200]);
    }
  });

  it('turned and mirrored', async () => {
    const cases: readonly (readonly [string, (x: number, y: number) => readonly [number, number]])[] = [
      ['90', (x, y) => [y, 9 - x]],
      ['180', (x, y) => [9 - x, 9 - y]],
      ['270', (x, y) => [9 - y, x]],
      ['!0', (x, y) => [9 - x, y]],
      ['!90', (x, y) => [9 - y, 9 - x]],
      ['!180', (x, y) => [x, 9 - y]],
    ];
    for (const [rotation, from] of cases) {
      const made = await picture(`${base}/full/500,/${rotation}/default.png`);
      expectColour(made.at(125, 375), colourAt(...from(2, 7)));
    }
  });

  it('qualities', async () => {
    const colour = await picture(`${base}/full/500,/0/color.png`);
    expectColour(colour.at(25, 25), colourAt(0, 0));
    const gray = await picture(`${base}/full/500,/0/gray.png`);
    const [r, g, b] = gray.at(125, 375);
    expect([g, b]).toEqual([r, r]);
    const bitonal = await picture(`${base}/full/500,/0/bitonal.png`);
    for (let n = 0; n < 10; n++) expect([0, 255]).toContain(bitonal.at(n * 50 + 25, n * 50 + 25)[0]);
  });

  it('formats, with their media types', async () => {
    for (const [format, type] of [
      ['jpg', 'image/jpeg'],
      ['png', 'image/png'],
      ['webp', 'image/webp'],
      ['gif', 'image/gif'],
      ['avif', 'image/avif'],
    ] as const) {
      const { answer, width } = await picture(`${base}/full/64,/0/default.${format}`);
      expect([answer.headers.get('content-type'), width]).toEqual([type, 64]);
    }
  });

  it('every tile that info.json tells of, at its scale factors', async () => {
    const { tiles, width, height } = (await (await get(`${base}/info.json`)).json()) as {
      width: number;
      height: number;
      tiles: readonly { width: number; scaleFactors: readonly number[] }[];
    };
    expect([width, height, tiles[0]?.width, tiles[0]?.scaleFactors]).toEqual([SIDE, SIDE, 512, [1, 2]]);
    for (const factor of tiles[0]?.scaleFactors ?? []) {
      const span = 512 * factor;
      for (let x = 0; x < width; x += span)
        for (let y = 0; y < height; y += span) {
          const [w, h] = [Math.min(span, width - x), Math.min(span, height - y)];
          const [sw, sh] = [Math.ceil(w / factor), Math.ceil(h / factor)];
          const size = version === 2 ? `${sw},` : `${sw},${sh}`;
          const made = await picture(`${base}/${x},${y},${w},${h}/${size}/0/default.jpg`);
          expect([made.width, made.height]).toEqual([sw, sh]);
          const [column, row] = [Math.floor((x + w / 2) / SQUARE), Math.floor((y + h / 2) / SQUARE)];
          const middle = made.at(
            Math.floor(((column + 0.5) * SQUARE - x) / factor),
            Math.floor(((row + 0.5) * SQUARE - y) / factor),
          );
          expectColour(middle, colourAt(column, row));
        }
    }
  });

  it('every size that info.json tells of', async () => {
    const { sizes } = (await (await get(`${base}/info.json`)).json()) as {
      sizes: readonly { width: number; height: number }[];
    };
    expect(sizes.at(-1)).toEqual({ width: SIDE, height: SIDE });
    for (const { width, height } of sizes) {
      const made = await picture(`${base}/full/${width},${height}/0/default.jpg`);
      expect([made.width, made.height]).toEqual([width, height]);
    }
  });

  it('info.json: what it is, for whom, and from where', async () => {
    const answer = await get(`${base}/info.json`);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('vary')).toContain('Accept');
    const info = (await answer.json()) as Record<string, unknown>;
    expect(info['@context']).toBe(`http://iiif.io/api/image/${version}/context.json`);
    expect(info.protocol).toBe('http://iiif.io/api/image');
    expect(info[version === 2 ? '@id' : 'id']).toBe(`https://pictures.test${base}`);
    if (version === 3)
      expect(info).toMatchObject({ type: 'ImageService3', profile: 'level2', preferredFormats: ['jpg'] });
    else expect((info.profile as unknown[])[0]).toBe('http://iiif.io/api/image/2/level2.json');
    const linked = await get(`${base}/info.json`, { headers: { Accept: 'application/ld+json' } });
    expect(linked.headers.get('content-type')).toMatch(/^application\/ld\+json/);
    if (version === 3)
      expect(linked.headers.get('content-type')).toContain('profile="http://iiif.io/api/image/3/context.json"');
    const again = await get(`${base}/info.json`, { headers: { 'If-None-Match': answer.headers.get('etag') ?? '' } });
    expect(again.status).toBe(304);
  });

  it('the base leads to info.json', async () => {
    const answer = await get(base);
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `https://pictures.test${base}/info.json`]);
    expect((await get(`/iiif/${version}/absent`)).status).toBe(404);
  });

  it('links: the canonical request and the profile, and the canonical one is the same picture', async () => {
    const answer = await get(`${base}/pct:0,0,50,50/250,/0/color.jpg`);
    const links = answer.headers.get('link') ?? '';
    expect(links).toContain(`<http://iiif.io/api/image/${version}/level2.json>;rel="profile"`);
    const canonical = /<https:\/\/pictures\.test([^>]+)>;rel="canonical"/.exec(links)?.[1] ?? '';
    expect(canonical).toBe(`${base}/0,0,500,500/${version === 2 ? '250,' : '250,250'}/0/default.jpg`);
    const same = await get(canonical);
    expect(same.headers.get('etag')).toBe(answer.headers.get('etag'));
  });

  it('answers again from memory, by range, by entity tag and to HEAD, with every header', async () => {
    const path = `${base}/0,0,300,300/120,/0/default.jpg`;
    const first = await get(path);
    const etag = first.headers.get('etag') ?? '';
    for (let times = 0; times < 3; times++) {
      const answer = await get(path);
      expect([answer.headers.get('etag'), answer.headers.get('access-control-allow-origin')]).toEqual([etag, '*']);
      expect(answer.headers.get('link')).toBe(first.headers.get('link'));
      expect((await get(path, { headers: { 'If-None-Match': etag } })).status).toBe(304);
    }
    expect((await get(path, { headers: { Range: 'bytes=0-9' } })).status).toBe(206);
    const head = await get(path, { method: 'HEAD' });
    expect([head.status, head.headers.get('etag')]).toEqual([200, etag]);
  });

  it('identifiers: with a context, with what has to be encoded, and none that is unknown', async () => {
    for (const id of ['house%2Fsquares', '%2Fa%2Fb%20c']) {
      const info = (await (await get(`/iiif/${version}/${id}/info.json`)).json()) as Record<string, unknown>;
      expect(info[version === 2 ? '@id' : 'id']).toBe(`https://pictures.test/iiif/${version}/${id}`);
      expect((await get(`/iiif/${version}/${id}/full/50,/0/default.jpg`)).status).toBe(200);
    }
    for (const id of ['a%2Fb', 'nobody', '%5Bfrob%5D', 'other%2Fsquares'])
      for (const rest of ['info.json', 'full/50,/0/default.jpg'])
        expect([id, (await get(`/iiif/${version}/${id}/${rest}`)).status]).toEqual([id, 404]);
    expect((await get(`/iiif/${version}/a/b/info.json`)).status).toBe(404);
  });

  it('errors: 400 for what is no request, 501 for what is not implemented', async () => {
    for (const [rest, status] of [
      ['nonsense/max/0/default.jpg', 400],
      ['1000,0,10,10/max/0/default.jpg', 400],
      ['0,0,0,0/max/0/default.jpg', 400],
      ['full/nonsense/0/default.jpg', 400],
      ['full/0,0/0/default.jpg', 400],
      ['full/max/nonsense/default.jpg', 400],
      ['full/max/361/default.jpg', 400],
      ['full/max/0/nonsense.jpg', 400],
      ['full/max/0/default.nonsense', 400],
      ['full/max/0/default', 400],
      ['full/max/45/default.jpg', 501],
      ['full/max/0/default.tif', 501],
      ['full/max/0', 404],
    ] as const)
      expect([rest, (await get(`${base}/${rest}`)).status]).toEqual([rest, status]);
  });
});

it('draws few regions at once; who asks for more is told to come again, and served then', async () => {
  const paths = Array.from({ length: 24 }, (_, n) => `/iiif/3/squares/full/${700 + n},/0/default.png`);
  await picture('/iiif/3/squares/full/699,/0/default.png');
  const answers = await Promise.all(paths.map((path) => get(path)));
  const refused = answers.filter(({ status }) => status !== 200);
  expect(refused.length).toBeGreaterThan(0);
  for (const answer of refused) {
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await answer.json()).toMatchObject({ code: 5030 });
  }
  // As many as a browser has connections to one server.
  expect(answers.length - refused.length).toBeGreaterThanOrEqual(6);
  for (const path of paths) await picture(path);
});

it('a manifest tells of one canvas with the picture, and its service', async () => {
  const answer = await get('/iiif/presentation/squares/manifest.json');
  const manifest = (await answer.json()) as {
    items: readonly { width: number; items: readonly { items: readonly object[] }[] }[];
  };
  expect(manifest).toMatchObject({ '@context': 'http://iiif.io/api/presentation/3/context.json', type: 'Manifest' });
  expect(manifest.items).toHaveLength(1);
  expect(manifest.items[0]?.items[0]?.items[0]).toMatchObject({
    motivation: 'painting',
    body: {
      width: SIDE,
      height: SIDE,
      service: [{ id: 'https://pictures.test/iiif/3/squares', type: 'ImageService3' }],
    },
  });
});

it.each(['/iiif/3/squares/info.json', '/iiif/3/squares/full/max/0/default.jpg', '/dzi/_/squares.dzi'])(
  'tells a page of any origin in a preflight what it may send: %s',
  async (path) => {
    const origin = new URL(server.url).origin;
    const headers = { Origin: 'https://viewer.example', 'Access-Control-Request-Method': 'GET' };
    const asked = { 'Access-Control-Request-Headers': 'accept, authorization, if-none-match, if-range, range' };
    const answer = await fetch(`${origin}${path}`, { method: 'OPTIONS', headers: { ...headers, ...asked } });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
    expect(answer.headers.get('access-control-allow-headers')?.toLowerCase()).toBe(
      asked['Access-Control-Request-Headers'],
    );
    expect(answer.headers.get('access-control-allow-methods')).toBe('GET, HEAD');
  },
);

describe('Deep Zoom', () => {
  it('tells of the picture in XML and JSON, and can be asked whether it has changed', async () => {
    const xml = await get('/dzi/_/squares.dzi');
    expect([xml.status, xml.headers.get('content-type')]).toEqual([200, 'application/xml']);
    expect(xml.headers.get('access-control-allow-origin')).toBe('*');
    const text = await xml.text();
    expect(text).toContain(
      '<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="jpg" Overlap="0" TileSize="512">',
    );
    expect(text).toContain('<Size Width="1000" Height="1000"/>');
    const again = await get('/dzi/_/squares.dzi', { headers: { 'If-None-Match': xml.headers.get('etag') ?? '' } });
    expect(again.status).toBe(304);
    const json = (await (await get('/dzi/house/squares.json')).json()) as object;
    expect(json).toEqual({
      Image: {
        xmlns: 'http://schemas.microsoft.com/deepzoom/2008',
        Url: 'https://pictures.test/dzi/house/squares_files/',
        Format: 'jpg',
        Overlap: '0',
        TileSize: '512',
        Size: { Width: '1000', Height: '1000' },
      },
    });
  });

  it('has every tile of every level, of its size', async () => {
    for (let level = 0; level <= 10; level++) {
      const side = Math.ceil(SIDE / 2 ** (10 - level));
      for (let column = 0; column * 512 < side; column++) {
        const tile = await picture(`/dzi/_/squares_files/${level}/${column}_0.jpg`);
        expect([tile.width, tile.height]).toEqual([Math.min(512, side - column * 512), Math.min(512, side)]);
        expect(tile.answer.headers.get('access-control-allow-origin')).toBe('*');
      }
    }
  });

  it('made them in one conversion, and answers the same tile again without one', async () => {
    const conversions = async () => /pyramids_total\{[^}]*result="ok"[^}]*\} (\d+)/.exec(await metrics())?.[1];
    const before = await conversions();
    for (let times = 0; times < 3; times++) expect((await get('/dzi/_/squares_files/10/1_1.jpg')).status).toBe(200);
    expect([before, await conversions()]).toEqual(['1', '1']);
  });

  it('says of a tile that there is not that it is not found', async () => {
    for (const path of [
      '_/squares_files/11/0_0.jpg',
      '_/squares_files/10/2_0.jpg',
      '_/squares_files/10/0_0.png',
      '_/squares_files/10/0-0.jpg',
      '_/squares_files/x/0_0.jpg',
      '_/squares/10/0_0.jpg',
      '_/absent.dzi',
      '_/squares.txt',
      'other/squares.dzi',
    ])
      expect([path, (await get(`/dzi/${path}`)).status]).toEqual([path, 404]);
  });
});

describe('what making tiles may take', () => {
  type Picture = Readonly<Record<'width' | 'height', number>> & { readonly opaque: boolean };

  /** One colour, so that it is made and sent quickly. */
  const plain = ({ width, height, opaque }: Picture) =>
    sharp({ create: { width, height, channels: 4, background: { r: 20, g: 90, b: 200, alpha: opaque ? 1 : 0.5 } } })
      .png({ compressionLevel: 1 })
      .toBuffer();

  const refused = { code: expect.any(Number), message: expect.any(String) };

  /** What a tile of the picture is answered with each of the settings, and what is told of it. `first` comes before the question. */
  async function asked(
    environment: Record<string, string>,
    of: Picture,
    first: (limited: TestServer) => Promise<void> = async () => {},
  ) {
    const limited = await startTestServer({
      environment: {
        PROOFSHEET_DIALECTS: 'image-converter,dzi,iiif',
        PROOFSHEET_ZOOM_WAIT_MS: '60000',
        PROOFSHEET_TARGET_FORMATS: 'auto:64x64~cover',
        ...environment,
      },
      maxSourceBytes: 20_000_000,
    });
    try {
      await upload('plain', await plain(of), '', limited);
      await first(limited);
      const ask = async (path: string) => {
        const answer = await fetch(`${limited.origin}${path}`);
        if (answer.ok) return [answer.status, (await answer.arrayBuffer()).byteLength > 0];
        const body = (await answer.json()) as { readonly code: number };
        expect(body).toEqual(refused);
        return [answer.status, body.code];
      };
      // One that no preview shows as well.
      const level = maxLevelOf({ widthPx: of.width, heightPx: of.height });
      const tile = await ask(`/dzi/_/plain_files/${level}/0_0.${of.opaque ? 'jpg' : 'png'}`);
      // Another way to the same tiles, and it is not tried again.
      const region = await ask('/iiif/3/plain/0,0,8,8/max/0/default.png');
      const preview = (await fetch(`${limited.url}/getImage/plain/auto:64x64`)).status;
      const told = await (await fetch(`${limited.origin}/metrics`)).text();
      const made = [...told.matchAll(/^proofsheet_pyramids_total\{[^}]*result="([^"]+)"[^}]*\} ([1-9]\d*)$/gm)];
      return { tile, region, preview, made: made.map(([, result, count]) => `${result} ${count}`) };
    } finally {
      await limited.close();
    }
  }

  it.each([
    // 150,000 pixels.
    ['PROOFSHEET_PYRAMID_MAX_PIXELS', '149999', '150000', { width: 500, height: 300, opaque: true }],
    // Strips of 512 rows of 4,000 pixels are held of all levels: some 75 MiB.
    ['PROOFSHEET_PYRAMID_MEMORY_BYTES', '64MiB', '128MiB', { width: 4_000, height: 520, opaque: true }],
  ])(
    '%s=%s refuses a picture that needs more, and %s does not',
    async (name, less, enough, of) => {
      expect(await asked({ [name]: less }, of)).toEqual({
        tile: [413, 4131],
        region: [413, 4131],
        preview: 200,
        made: ['source-limits-exceeded 1'],
      });
      expect(await asked({ [name]: enough }, of)).toEqual({
        tile: [200, true],
        region: [200, true],
        preview: 200,
        made: ['ok 1'],
      });
    },
    60_000,
  );

  it('PROOFSHEET_PYRAMID_TIMEOUT_MS ends what takes longer, and previews are made as before', async () => {
    const before = childrenOf(process.pid);
    const converters = () =>
      childrenOf(process.pid).filter(
        (pid) => !before.includes(pid) && argumentsOf(pid).join(' ').includes('/convert/child.'),
      );
    const settings = { PROOFSHEET_PYRAMID_TIMEOUT_MS: '3000' };
    let forPreviews: readonly number[] = [];
    const small = { width: 300, height: 300, opaque: true };
    // However fast the machine is, who stands still takes longer. Before that, it has made the tiles of another picture.
    const standStill = async (limited: TestServer) => {
      forPreviews = converters();
      await upload('small', await plain(small), '', limited);
      expect((await fetch(`${limited.origin}/dzi/_/small_files/9/0_0.jpg`)).status).toBe(200);
      const forTiles = converters().filter((pid) => !forPreviews.includes(pid));
      expect(forTiles).toHaveLength(1);
      for (const pid of forTiles) process.kill(pid, 'SIGSTOP');
    };
    expect(await asked(settings, { width: 600, height: 600, opaque: false }, standStill)).toEqual({
      tile: [504, 5040],
      region: [504, 5040],
      preview: 200,
      made: ['ok 1', 'conversion-timeout 1'],
    });
  }, 120_000);
});

describe('pages', () => {
  beforeAll(() => upload('book', pdfOf([quartersPage(300, 400), quartersPage(400, 200)])));

  it('are Deep Zoom Images of their own, and the page for people turns them', async () => {
    const first = await (await get('/dzi/_/book.dzi')).text();
    const second = await (await get('/dzi/_/book;page=2.dzi')).text();
    expect(first).toContain('Width="1536" Height="2048"');
    expect(second).toContain('Width="2048" Height="1024"');
    const tile = await picture('/dzi/_/book%3Bpage%3D2_files/11/3_1.jpg');
    expect([tile.width, tile.height]).toEqual([512, 512]);
    const page = await (await get('/dzi/view/_/book;page=2')).text();
    expect(page).toContain('data-descriptor="../../_/book;page=2.dzi"');
    expect(page).toContain('<a href="book" aria-label="Previous page">');
    expect(page).not.toContain('Next page');
    expect(await (await get('/dzi/view/_/book')).text()).toContain('<a href="book;page=2" aria-label="Next page">');
    expect(await (await get('/dzi/view/_/squares')).text()).not.toContain('aria-label="Pages"');
  });

  it('are images of their own by IIIF, a canvas each in the manifest, one alone in their own', async () => {
    const at = 'https://pictures.test/iiif';
    expect(await (await get('/iiif/3/book;page=2/info.json')).json()).toMatchObject({
      id: `${at}/3/book;page=2`,
      width: 2048,
      height: 1024,
    });
    const turned = await picture('/iiif/2/book;page=2/full/100,/90/default.png');
    expect([turned.width, turned.height]).toEqual([50, 100]);
    const canvasesOf = async (id: string) => {
      const { items } = (await (await get(`/iiif/presentation/${id}/manifest.json`)).json()) as {
        items: { id: string; width: number; items: { items: { body: { service: { id: string }[] } }[] }[] }[];
      };
      return items.map((canvas) => [canvas.id, canvas.width, canvas.items[0]?.items[0]?.body.service[0]?.id]);
    };
    expect(await canvasesOf('book')).toEqual([
      [`${at}/presentation/book/canvas/1`, 1536, `${at}/3/book`],
      [`${at}/presentation/book/canvas/2`, 2048, `${at}/3/book;page=2`],
    ]);
    expect(await canvasesOf('book;page=2')).toEqual([
      [`${at}/presentation/book;page=2/canvas/2`, 2048, `${at}/3/book;page=2`],
    ]);
  });

  it('that there are not, are not there', async () => {
    for (const name of ['book;page=3', 'book;page=0', 'book;page=01', 'squares;page=2', 'book;page=999999'])
      for (const path of [`/dzi/_/${name}.dzi`, `/iiif/3/${name}/info.json`, `/iiif/2/${name}/full/max/0/default.jpg`])
        expect([path, (await get(path)).status]).toEqual([path, 404]);
  });
});

const metrics = async () => (await get('/metrics')).text();
