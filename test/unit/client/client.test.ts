// The client by itself: what it sends, when it sends it again, and what it signs.
import { describe, expect, it } from 'vitest';
import { ProofsheetApiError, ProofsheetClient } from '../../../src/client/index.js';
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
    expect(sent.map(({ method }) => method)).toEqual(['HEAD', 'POST']);
    expect(sent[1]?.url).toBe(`http://host/imageconverter/cacheImage/${key}?context=a%2Fb`);
  });

  it('sends under a name of its own whatever is there: the bytes may be others', async () => {
    const { client, sent } = clientOf([done]);
    expect(await client.put(source, { key: 'a key' })).toEqual({ key: 'a key', isUploaded: true });
    expect(sent.map(({ url }) => url)).toEqual(['http://host/imageconverter/cacheImage/a%20key']);
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
