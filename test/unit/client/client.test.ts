// The client by itself: what it sends, when it sends it again, and what it signs.
import { describe, expect, it } from 'vitest';
import { type BatchAnswer, ProofsheetApiError, ProofsheetClient } from '../../../src/client/index.js';
import { signedPath } from '../../../src/http/access/signed-url.js';
import { parseContext } from '../../../src/kernel/image-key.js';

interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A client whose requests are answered by `answers` in turn, the last of them again and again. */
function clientOf(answers: readonly (() => Response)[], more: object = {}) {
  const sent: Sent[] = [];
  const fetching = async (url: unknown, init: RequestInit = {}): Promise<Response> => {
    init.signal?.throwIfAborted();
    sent.push({
      method: init.method ?? 'GET',
      url: String(url),
      headers: Object.fromEntries(new Headers(init.headers)),
    });
    return (answers[sent.length - 1] ?? answers.at(-1) ?? Response.error)();
  };
  const client = new ProofsheetClient({
    url: 'http://host/imageconverter/',
    fetch: fetching as typeof fetch,
    ...more,
  });
  return { client, sent };
}

const done = () => Response.json({ code: 0, message: 'cached 5 previews' });
const unknown = () => Response.json({ code: 4040, message: 'no image is cached' }, { status: 404 });
const busy = (seconds: string) => () =>
  Response.json({ code: 5030, message: 'busy' }, { status: 503, headers: { 'Retry-After': seconds } });

describe('put', () => {
  const source = new Blob(['abc']);
  // FIPS 180-2, appendix B.1.
  const key = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

  it('asks for the digest first, and sends nothing that is known', async () => {
    const { client, sent } = clientOf([() => new Response(null)]);
    expect(await client.put(source)).toEqual({ key, isUploaded: false });
    expect(sent.map(({ method, url }) => [method, url])).toEqual([
      ['HEAD', `http://host/imageconverter/getMetadata/${key}`],
    ]);
  });

  it('sends what is not known', async () => {
    const { client, sent } = clientOf([unknown, done]);
    expect(await client.put(source, { context: 'a/b' })).toEqual({ key, isUploaded: true });
    expect(sent.map(({ method }) => method)).toEqual(['HEAD', 'PUT']);
    expect(sent[1]?.url).toBe(`http://host/imageconverter/cacheImage/${key}?context=a%2Fb`);
  });

  it('under a name of its own asks by the digest of the bytes, whatever is there, and sends those that are not known', async () => {
    // The SHA-256 of "abc" in base64.
    const digest = 'sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:';
    const sendBytes = () => Response.json({ code: 4003, message: 'send it' }, { status: 400 });
    for (const [answers, isUploaded] of [
      [[done], false],
      [[sendBytes, done], true],
    ] as const) {
      const { client, sent } = clientOf(answers);
      expect(await client.put(source, { key: 'a key' })).toEqual({ key: 'a key', isUploaded });
      expect(sent.map(({ url }) => url)).toEqual(answers.map(() => 'http://host/imageconverter/cacheImage/a%20key'));
      expect(sent.map(({ headers }) => headers['content-digest'])).toEqual(answers.map(() => digest));
    }
    const { client } = clientOf([() => Response.json({ code: 4030, message: 'no' }, { status: 403 })]);
    await expect(client.put(source, { key: 'a key' })).rejects.toMatchObject({ code: 4030 });
  });

  it('sends the blob itself where streams fail, and does not try them again', async () => {
    const streamed: boolean[] = [];
    const fetching = async (_url: unknown, { method, body }: RequestInit = {}) => {
      if (method === 'HEAD') return unknown();
      streamed.push(body instanceof ReadableStream);
      if (body instanceof ReadableStream) throw new TypeError('ERR_H2_OR_QUIC_REQUIRED');
      return done();
    };
    const client = new ProofsheetClient({ url: 'http://host', fetch: fetching as typeof fetch });
    const told: number[] = [];
    const onProgress = ({ sentBytes }: { readonly sentBytes: number }) => told.push(sentBytes);
    for (let n = 0; n < 2; n++) expect((await client.put(source, { onProgress })).isUploaded).toBe(true);
    expect(streamed).toEqual([true, false, false]);
    expect(told.at(-1)).toBe(3);
  });
});

describe('previews', () => {
  const part = (index: number, status: number, body: string, more = '') =>
    `--b\r\nContent-ID: <${index}>\r\nStatus: ${status}\r\nContent-Type: image/png\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}\r\n`;
  const parts = (text: string, pieces: number) => () =>
    new Response(
      new ReadableStream({
        start(controller) {
          const bytes = new TextEncoder().encode(text);
          for (let at = 0; at < bytes.length; at += pieces) controller.enqueue(bytes.slice(at, at + pieces));
          controller.close();
        },
      }),
      { headers: { 'Content-Type': 'multipart/mixed; boundary=b' } },
    );
  const wanted = ['a', 'b', 'c'].map((key) => ({ key, format: 'auto:8x8' }));
  async function all(answers: AsyncIterable<BatchAnswer>): Promise<BatchAnswer[]> {
    const found: BatchAnswer[] = [];
    for await (const answer of answers) found.push(answer);
    return found;
  }

  it.each([1, 7, 10_000])('come as parts, in whatever pieces: %i bytes', async (pieces) => {
    const body =
      part(1, 200, 'a body\r\n--b--', 'ETag: "x"\r\n') +
      part(0, 404, '{"code":4040,"message":"none"}') +
      part(2, 200, '', 'X-Proofsheet-Provisional: ?1\r\n') +
      part(2, 304, '');
    const { client, sent } = clientOf([parts(`${body}--b--\r\n`, pieces)]);
    const found = await all(client.previews(wanted, { waitMs: 5, context: 'x' }));
    expect(sent.map(({ method, url }) => [method, url])).toEqual([
      ['POST', 'http://host/imageconverter/getImages?context=x&wait=5'],
    ]);
    expect(found.map(({ wanted: { key }, isFinal, isUnchanged }) => [key, isFinal, isUnchanged])).toEqual([
      ['b', true, false],
      ['a', true, false],
      ['c', false, false],
      ['c', true, true],
    ]);
    expect([await found[0]?.preview?.text(), found[0]?.preview?.type, found[0]?.etag]).toEqual([
      'a body\r\n--b--',
      'image/png',
      '"x"',
    ]);
    expect(found[1]?.error).toMatchObject({ status: 404, code: 4040 });
  });

  it('are asked for 200 at a time', async () => {
    const { client, sent } = clientOf([parts('--b--\r\n', 99)]);
    await all(client.previews(Array.from({ length: 401 }, (_, n) => ({ key: `${n}`, format: 'auto:8x8' }))));
    expect(sent).toHaveLength(3);
  });

  it('that end before their end are a failure', async () => {
    const { client } = clientOf([parts(part(0, 200, 'abc'), 99)]);
    await expect(all(client.previews(wanted))).rejects.toThrow('expected the rest');
  });
});

describe('sending again', () => {
  it('waits as long as the server says, and as often as it may', async () => {
    const { client, sent } = clientOf([busy('0'), busy('0'), () => Response.json({ count: 7 })]);
    expect(await client.keyCount()).toBe(7);
    expect(sent).toHaveLength(3);
    const twice = clientOf([busy('0')], { retries: 1 });
    await expect(twice.client.keyCount()).rejects.toMatchObject({ status: 503, code: 5030, message: 'busy' });
    expect(twice.sent).toHaveLength(2);
  });

  it('does not wait longer than it may', async () => {
    const { client, sent } = clientOf([busy('3600')], { maxWaitMs: 1_000 });
    await expect(client.keyCount()).rejects.toBeInstanceOf(ProofsheetApiError);
    expect(sent).toHaveLength(1);
  });

  it('sends again what was not answered, and nothing that was refused', async () => {
    const broken = () => {
      throw new TypeError('fetch failed');
    };
    const first = clientOf([broken, () => Response.json({ count: 1 })], { maxWaitMs: 1 });
    expect(await first.client.keyCount()).toBe(1);
    const second = clientOf([unknown]);
    await expect(second.client.metadata('key')).rejects.toMatchObject({ code: 4040 });
    expect(second.sent).toHaveLength(1);
  });

  it('ends with its signal, while it waits too', async () => {
    const controller = new AbortController();
    const { client, sent } = clientOf([busy('20')]);
    const asked = client.keyCount({ signal: controller.signal });
    controller.abort(new Error('not any more'));
    await expect(asked).rejects.toThrow('not any more');
    expect(sent.length).toBeLessThan(2);
  });

  it('tells of an answer that is not the server’s own', async () => {
    const { client } = clientOf([() => new Response('<h1>Bad Gateway</h1>', { status: 502 })]);
    await expect(client.keyCount()).rejects.toMatchObject({ status: 502, code: undefined });
  });
});

describe('credentials', () => {
  it('are the token, and the admin’s for what is an admin’s', async () => {
    const admin = { user: 'admin', password: 'grün' };
    const { client, sent } = clientOf([() => Response.json({ count: 1, keys: [] })], { token: 'token', admin });
    await client.keyCount();
    await client.keys();
    const basic = `Basic ${Buffer.from('admin:grün').toString('base64')}`;
    expect(sent.map(({ headers }) => headers.authorization)).toEqual(['Bearer token', basic]);
  });

  it('are not needed with a signature, which is the one that the server makes', async () => {
    const { client } = clientOf([]);
    const url = new URL(
      await client.signedPreviewUrl('a key!', 'auto:8x8', { id: 'k1', secret: 'x'.repeat(16) }, { context: 'ü' }),
    );
    const expires = Number(url.searchParams.get('expires'));
    const target = { path: ['getImage', 'a key!', 'auto:8x8'], context: parseContext('ü'), expires };
    const right = signedPath(target, { id: 'k1', secret: 'x'.repeat(16) });
    expect(url.href).toBe(new URL(`http://host/imageconverter${right}`).href);
    expect(expires).toBeGreaterThan(Date.now() / 1_000 + 3_000);
  });
});

// An app whose variable is not set must not forget what others have, for as much as an empty context means to the server.
it('is asked to forget, to list or to count nothing of a context that is empty, and no refusal without a name', async () => {
  const { client, sent } = clientOf([done]);
  const context = '';
  const calls = [
    () => client.clear('a', { context }),
    () => client.clearAll({ context }),
    () => client.keys({ context }),
    () => client.keyCount({ context }),
    () => client.clear(''),
    () => client.clearRefusals(''),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ status: 400, code: 4001 });
  expect(sent).toEqual([]);
  await client.clear('a');
  await client.clearAll({ context: 'x' });
  await client.clearRefusals();
  expect(sent.map(({ url }) => url.slice('http://host/imageconverter'.length))).toEqual([
    '/clearImagesByKey/a',
    '/clearImages?context=x',
    '/clearRefusals',
  ]);
});

// `new URL` folds them away, percent-encoded or not: `getMetadata/..` is the base path, and `clearRefusals/.` forgets all refusals.
it('asks nothing by a key, format or digest that no URL can have', async () => {
  const { client, sent } = clientOf([() => new Response('')]);
  const source = new Blob(['abc']);
  for (const dots of ['.', '..']) {
    const calls = [
      () => client.has(dots),
      () => client.metadata(dots),
      () => client.put(source, { key: dots }),
      () => client.clear(dots),
      () => client.preview(dots, 'status'),
      () => client.preview('a', dots),
      () => client.answerTo(dots, dots),
      () => client.clearRefusals(dots),
      async () => client.previewUrl(dots, '8x8'),
      () => client.signedPreviewUrl(dots, '8x8', { id: 'k1', secret: 'a-secret-of-16-characters' }),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ status: 400, code: 4001 });
  }
  expect(sent).toEqual([]);
  expect(client.previewUrl('...', '.a')).toBe('http://host/imageconverter/getImage/.../.a');
});
