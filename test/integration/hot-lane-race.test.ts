// Prepared answers hold no truth of their own: while clients ask without pause, every request that begins after a change
// was acknowledged sees it, in one process and over two.
import http from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodedPhoto } from '../support/encoded-photo.js';
import { until } from '../support/gate.js';
import { sourceForm } from '../support/multipart.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';

const AUTHORIZATION = `Basic ${Buffer.from('admin:secret').toString('base64')}`;
const CLIENTS = 8;
const CHANGES = 9;
/** Answers that have to be seen after each change before the next one. */
const ANSWERS_PER_CHANGE = 4 * CLIENTS;

interface Seen {
  readonly beganAt: number;
  readonly endedAt: number;
  /** The entity tag of an image, or the status of anything else. */
  readonly answer: string;
}

/** Clients on keep-alive connections of their own, each asking again as soon as it was answered. */
class Askers {
  seen: Seen[] = [];
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
  private stopped = false;
  private readonly running: Promise<unknown>;

  constructor(private readonly url: string) {
    this.running = Promise.all(Array.from({ length: CLIENTS }, () => this.askOn()));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
    this.agent.destroy();
  }

  private async askOn(): Promise<void> {
    while (!this.stopped) {
      const beganAt = performance.now();
      const answer = await this.ask();
      this.seen.push({ beganAt, endedAt: performance.now(), answer });
    }
  }

  private ask(): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = http.get(this.url, { agent: this.agent }, (response) => {
        response.resume();
        response.once('end', () => resolve(response.headers.etag ?? String(response.statusCode)));
      });
      request.once('error', reject);
    });
  }
}

describe.each([1, 2])('with %i worker(s), while clients ask without pause', (workers) => {
  let dir: TempDir;
  let server: ServerProcess;

  const start = async (environment: Readonly<Record<string, string>> = {}): Promise<void> => {
    server = await startServerProcess({
      PROOFSHEET_DATA_DIR: dir.path,
      PROOFSHEET_WORKERS: String(workers),
      PROOFSHEET_ADMIN_USER: 'admin',
      PROOFSHEET_ADMIN_PASSWORD: 'secret',
      ...environment,
    });
    await until(() => server.log.filter((line) => line.message === 'listening').length === workers, 'all listen');
  };
  const upload = async (key: string, source: Buffer): Promise<void> => {
    const { status } = await fetch(`${server.url}/cacheImage/${key}`, { method: 'POST', body: sourceForm(source) });
    expect(status).toBe(200);
  };
  const address = (key: string): string => `${server.url}/getImage/${key}/auto:200x150`;

  beforeEach(async () => {
    dir = await tempDir();
  });
  afterEach(async () => {
    server.kill('SIGKILL');
    await server.gone;
    await dir.remove();
  });

  it('every request that begins after an overwrite or a clear was acknowledged sees it', async () => {
    await start();
    const sources = await Promise.all([encodedPhoto(400, 300), encodedPhoto(420, 300)]);
    const tags: string[] = [];
    for (const [index, source] of sources.entries()) {
      await upload(`tag-${index}`, source);
      tags.push((await fetch(address(`tag-${index}`))).headers.get('etag') ?? '');
    }
    const change = async (round: number): Promise<string> => {
      if (round % 3 < 2) {
        await upload('key', sources[round % 3] ?? Buffer.alloc(0));
        return tags[round % 3] ?? '';
      }
      const headers = { Authorization: AUTHORIZATION };
      const cleared = await fetch(`${server.url}/clearImagesByKey/key`, { method: 'DELETE', headers });
      expect(cleared.status).toBe(200);
      return '404';
    };
    await upload('key', sources[1] ?? Buffer.alloc(0));
    const askers = new Askers(address('key'));
    let checked = 0;
    for (let round = 0; round < CHANGES; round++) {
      const expected = await change(round);
      const acknowledgedAt = performance.now();
      askers.seen = [];
      const later = (): Seen[] => askers.seen.filter(({ beganAt }) => beganAt > acknowledgedAt);
      await until(() => later().length >= ANSWERS_PER_CHANGE, 'clients are answered after the change');
      expect(new Set(later().map(({ answer }) => answer))).toEqual(new Set([expected]));
      checked += later().length;
    }
    await askers.stop();
    expect(checked).toBeGreaterThanOrEqual(CHANGES * ANSWERS_PER_CHANGE);
  });

  it('no request that begins after an eviction was seen is answered from what was prepared before', async () => {
    await start({ PROOFSHEET_MAX_GROUPS: '1', PROOFSHEET_EVICTION_INTERVAL_SECONDS: '1' });
    await upload('first', await encodedPhoto(400, 300));
    const askers = new Askers(address('first'));
    await until(() => askers.seen.length >= ANSWERS_PER_CHANGE, 'the first group is hot');
    expect(askers.seen.every(({ answer }) => answer.startsWith('"'))).toBe(true);
    askers.seen = [];
    await upload('second', await encodedPhoto(420, 300));
    const goneAt = (): number =>
      Math.min(...askers.seen.filter(({ answer }) => answer === '404').map(({ endedAt }) => endedAt));
    const later = (): Seen[] => {
      const at = goneAt();
      return askers.seen.filter(({ beganAt }) => beganAt > at);
    };
    await until(() => later().length >= ANSWERS_PER_CHANGE, 'the first group is evicted');
    await askers.stop();
    expect(new Set(later().map(({ answer }) => answer))).toEqual(new Set(['404']));
  });
});
