// The server's life as an operator sees it: start, refuse to start, restart, drain, stop, run out of time, take large uploads.
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodedPhoto } from '../support/encoded-photo.js';
import { until } from '../support/gate.js';
import { slowSvg } from '../support/images.js';
import { sourceForm } from '../support/multipart.js';
import { argumentsOf, descendantsOf, signalIfThere } from '../support/processes.js';
import { residentBytes, type ServerProcess, scrape, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';

const MIB = 2 ** 20;

let dir: TempDir;
let server: ServerProcess | undefined;

beforeEach(async () => {
  dir = await tempDir();
});

afterEach(async () => {
  server?.kill('SIGKILL');
  await server?.gone;
  server = undefined;
  await dir.remove();
});

async function start(environment: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  server = await startServerProcess({ PROOFSHEET_DATA_DIR: dir.path, ...environment });
  return server;
}

const upload = (url: string, source: Buffer, path: string) =>
  fetch(`${url}/${path}`, { method: 'POST', body: sourceForm(source) });

const convertersOf = (pid: number): readonly number[] =>
  descendantsOf(pid).filter((child) => argumentsOf(child).join(' ').includes('convert/child.js'));

describe('a restart', () => {
  it('keeps every preview byte for byte, metadata and counts', async () => {
    const first = await start();
    expect((await upload(first.url, await encodedPhoto(1200, 900), 'cacheImage/photo')).status).toBe(200);
    const read = async ({ url }: ServerProcess) =>
      Promise.all(
        ['getImage/photo/auto:200x150', 'getImage/photo/auto:1920x1080', 'getMetadata/photo', 'getKeyCount'].map(
          async (path) => Buffer.from(await (await fetch(`${url}/${path}`)).arrayBuffer()),
        ),
      );
    const before = await read(first);
    first.kill('SIGTERM');
    expect(await first.gone).toBe(0);
    expect(await read(await start())).toEqual(before);
  });
});

describe('a refused start', () => {
  it('names every bad setting by key and variable, and exits with 78', async () => {
    const failure = await startServerProcess({
      PROOFSHEET_DATA_DIR: dir.path,
      PROOFSHEET_PORT: 'eighty',
      PROOFSHEET_TARGET_FORMATS: 'auto:200x150,auto:200by150',
      PROOFSHEET_ADMIN_PASSWORD: 'with\ttab',
    }).then(
      () => expect.fail('it started'),
      (error: Error) => error.message,
    );
    expect(failure).toContain('ended with 78');
    for (const name of ['PROOFSHEET_PORT', 'PROOFSHEET_TARGET_FORMATS', 'PROOFSHEET_ADMIN_PASSWORD', 'auto:200by150']) {
      expect(failure).toContain(name);
    }
  });

  it('says that the port is taken', async () => {
    const { origin } = await start();
    const port = new URL(origin).port;
    const second = startServerProcess({ PROOFSHEET_DATA_DIR: `${dir.path}/other`, PROOFSHEET_PORT: port });
    await expect(second).rejects.toThrow(/ended with 1[\s\S]*cannot listen/);
  });
});

describe('SIGTERM', () => {
  it('refuses new work with 503, ends what is under way, the background too, and exits with 0', {
    timeout: 300_000,
  }, async () => {
    const running = await start({ PROOFSHEET_CONVERSION_TIMEOUT_MS: '100000', PROOFSHEET_DRAIN_TIMEOUT_MS: '100000' });
    // The answer comes first, the rest of the sequence follows in the background.
    const source = await encodedPhoto(6000, 4000);
    const late = await encodedPhoto(100, 100);
    expect((await upload(running.url, source, 'cacheAndGetImage/photo/auto:200x150')).status).toBe(200);
    const underWay = upload(running.url, await encodedPhoto(5000, 4000), 'cacheImage/other');
    await until(
      async () => (await scrape(running.origin, 'proofsheet_upload_bytes_total')) > source.length + 1000,
      'the second upload arrives',
    );
    // However fast the machine is: what is under way waits for us.
    const converters = convertersOf(running.pid);
    expect(converters.length).toBeGreaterThan(0);
    for (const pid of converters) process.kill(pid, 'SIGSTOP');
    running.kill('SIGTERM');
    await until(() => running.log.some((line) => line.signal === 'SIGTERM'), 'it drains');
    const refused = await upload(running.url, late, 'cacheImage/late');
    expect([refused.status, await refused.json()]).toMatchObject([503, { code: 5030 }]);
    for (const pid of converters) signalIfThere(pid, 'SIGCONT');
    expect((await underWay).status).toBe(200);
    expect(await running.gone).toBe(0);

    const again = await start();
    for (const key of ['photo', 'other']) {
      const image = await fetch(`${again.url}/getImage/${key}/auto:1920x1080`);
      expect([image.status, image.headers.get('x-proofsheet-match')?.split(';')[0]]).toEqual([200, 'exact']);
    }
    expect(await scrape(again.origin, 'proofsheet_decodes_total')).toBe(0);
  });
});

describe('Ctrl-C', () => {
  it('drains too, although terminal, npm and supervisor all hand the signal on, to every process', {
    timeout: 300_000,
  }, async () => {
    const source = await encodedPhoto(400, 300);
    // However long the signals take to arrive: what is under way waits for us, and not we for it.
    const patient = { PROOFSHEET_CONVERSION_TIMEOUT_MS: '100000', PROOFSHEET_DRAIN_TIMEOUT_MS: '100000' };
    for (const workers of ['1', '2']) {
      const running = await start({ ...patient, PROOFSHEET_WORKERS: workers });
      const listening = () => running.log.filter(({ message }) => message === 'listening').length;
      await until(() => listening() === Number(workers), 'all workers listen');
      const everybody = [running.pid, ...descendantsOf(running.pid)];
      const converters = convertersOf(running.pid);
      expect(converters.length).toBeGreaterThan(0);
      for (const pid of converters) process.kill(pid, 'SIGSTOP');
      const underWay = upload(
        running.url,
        Buffer.concat([source, Buffer.from(workers)]),
        `cacheImage/photo-${workers}`,
      );
      await until(
        async () => (await scrape(running.origin, 'proofsheet_converters', 'state="busy"')) > 0,
        'the conversion runs',
      );
      for (let times = 0; times < 2; times++) for (const pid of everybody) signalIfThere(pid, 'SIGINT');
      await until(
        () => running.log.filter(({ message }) => String(message).startsWith('stopping')).length >= Number(workers),
        'all stop',
      );
      // Those of a worker that had nothing to do have ended by now.
      for (const pid of converters) signalIfThere(pid, 'SIGCONT');
      expect((await underWay).status).toBe(200);
      expect(await running.gone).toBe(0);
    }
  });
});

describe('a second wish to stop', () => {
  const slow = { PROOFSHEET_SOURCE_TYPES: 'jpeg,svg', PROOFSHEET_CONVERSION_TIMEOUT_MS: '8000' };
  const startConverting = async (workers: string): Promise<{ running: ServerProcess; answer: Promise<unknown> }> => {
    const running = await start({ ...slow, PROOFSHEET_WORKERS: workers });
    const answer = upload(running.url, slowSvg(20_000), 'cacheImage/slow').then(
      ({ status }) => status,
      () => 'no answer',
    );
    const busy = () => scrape(running.origin, 'proofsheet_converters', 'state="busy"');
    await until(async () => (await busy()) > 0, 'the conversion runs');
    return { running, answer };
  };

  it('a worker takes the signal that its supervisor hands on late for the same one, and ends what is under way', async () => {
    const { running, answer } = await startConverting('2');
    for (const pid of descendantsOf(running.pid)) signalIfThere(pid, 'SIGINT');
    await setTimeout(1_200);
    process.kill(running.pid, 'SIGINT');
    expect(await answer).toBe(504);
    expect(await running.gone).toBe(0);
  });

  it('ends one process and several at once', async () => {
    for (const [workers, end] of [
      ['1', 'SIGKILL'],
      ['2', 1],
    ] as const) {
      const { running, answer } = await startConverting(workers);
      process.kill(running.pid, 'SIGINT');
      await setTimeout(1_200);
      process.kill(running.pid, 'SIGINT');
      expect(await answer).toBe('no answer');
      expect(await running.gone).toBe(end);
    }
  });
});

describe('conversion', () => {
  it('decodes a source once for its whole sequence, and 100 equal uploads at once only one time', async () => {
    const { url, origin } = await start();
    // Larger than the largest preview.
    const source = await encodedPhoto(2000, 1400);
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        upload(url, source, `cacheImage/key-${index}?context=tenant-${index % 7}`),
      ),
    );
    expect(answers.map((answer) => answer.status)).toEqual(Array(100).fill(200));
    expect(await scrape(origin, 'proofsheet_conversions_total', 'result="ok"')).toBe(1);
    expect(await scrape(origin, 'proofsheet_decodes_total')).toBe(1);
    expect(await scrape(origin, 'proofsheet_encodes_total')).toBe(5);
    expect(await (await fetch(`${url}/getKeyCount`)).json()).toEqual({ count: 100 });
  });

  it('kills a decoder that hangs at the deadline with 5040, while other requests go on', async () => {
    const { url, origin } = await start({
      PROOFSHEET_SOURCE_TYPES: 'jpeg,svg',
      PROOFSHEET_CONVERSION_TIMEOUT_MS: '3000',
      PROOFSHEET_CONVERTERS: '2',
    });
    const photo = await encodedPhoto(400, 300);
    const startedAt = performance.now();
    const hanging = upload(url, slowSvg(20_000), 'cacheImage/slow').then(async (answer) => ({
      answer: [answer.status, await answer.json()],
      tookMs: performance.now() - startedAt,
    }));
    let others = 0;
    let isOver = false;
    void hanging.finally(() => {
      isOver = true;
    });
    // Many are answered before it is; those that are not are answered all the same.
    while (!isOver && others < 10) {
      const source = Buffer.concat([photo, Buffer.from(String(others))]);
      expect((await upload(url, source, `cacheImage/other-${others++}`)).status).toBe(200);
    }
    expect(others).toBeGreaterThan(1);
    const { answer, tookMs } = await hanging;
    expect(answer).toMatchObject([504, { code: 5040 }]);
    expect(tookMs).toBeGreaterThan(2_900);
    expect(tookMs).toBeLessThan(30_000);
    expect((await fetch(`${url}/getImage/slow/auto:200x150`)).status).toBe(404);
    await until(
      async () => (await scrape(origin, 'proofsheet_converters', 'state="idle"')) === 2,
      'the converter is replaced',
    );
  });
});

describe('an upload of 200 MiB', () => {
  it('grows the process by less than 64 MiB before decoding starts, and is hashed on the way', async () => {
    const running = await start();
    // Warm, so that what is measured is the upload and not the first use of everything.
    await upload(running.url, await encodedPhoto(300, 200), 'cacheImage/warm');
    const before = await residentBytes(running.pid);
    const head = await encodedPhoto(640, 480);
    const chunk = Buffer.alloc(MIB);
    let peak = 0;
    const answer = await streamUpload(`${running.url}/cacheImage/large`, 200, async (index) => {
      peak = Math.max(peak, await residentBytes(running.pid));
      return index === 0 ? head : chunk;
    });
    expect(answer).toMatchObject({ status: 200 });
    expect(peak - before).toBeLessThan(64 * MIB);
    const digest = createHash('sha256').update(head);
    for (let index = 1; index < 200; index++) digest.update(chunk);
    const metadata = (await (await fetch(`${running.url}/getMetadata/large`)).json()) as {
      Proofsheet: { digest: string };
    };
    expect(metadata.Proofsheet.digest).toBe(`sha256:${digest.digest('hex')}`);
  });
});

/** Uploads one file whose content comes piece by piece; nothing of it is held here. */
function streamUpload(
  url: string,
  pieces: number,
  piece: (index: number) => Promise<Buffer>,
): Promise<{ status: number | undefined; body: string }> {
  const boundary = 'streamed-upload';
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { method: 'POST', headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` } },
      (incoming) => {
        let body = '';
        incoming.on('data', (data: Buffer) => {
          body += data.toString();
        });
        incoming.on('end', () => resolve({ status: incoming.statusCode, body }));
      },
    );
    outgoing.on('error', reject);
    void (async () => {
      outgoing.write(
        `--${boundary}\r\nContent-Disposition: form-data; name="sourceImage"; filename="large.jpg"\r\n\r\n`,
      );
      for (let index = 0; index < pieces; index++) {
        if (!outgoing.write(await piece(index))) await new Promise((drained) => outgoing.once('drain', drained));
      }
      outgoing.end(`\r\n--${boundary}--\r\n`);
    })().catch(reject);
  });
}
