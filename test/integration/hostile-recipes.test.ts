// One client that counts pixels fills no disk, keeps no converter busy, and is told so; the others hardly notice, which is judged by hand
// on a quiet machine, with all of a hundred thousand: RECIPES=100000.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { image, photo } from '../support/images.js';
import { filePart, multipartBody } from '../support/multipart.js';
import { run } from '../support/processes.js';
import { type ServerProcess, scrape, startServerProcess } from '../support/server-process.js';
import { tempDir } from '../support/temp-dir.js';
import { NODE } from '../support/tools.js';

const RECIPES = Number(process.env.RECIPES ?? 1_000);
const IS_JUDGED = process.env.RECIPES !== undefined;
const PER_MINUTE = 60;
const MAX_BYTES = 2 ** 20;
const CHILD = new URL('../support/children/hostile-recipes.mjs', import.meta.url).pathname;
/** Between two requests of each of the others, and how many of them there are. */
const [PAUSE_MS, OTHERS] = [20, 4];
/** Between two uploads of another. */
const UPLOADS_EACH_MS = 400;
/** Of the one client's requests, with the others alone between them: what else the machine does comes and goes for both. */
const TURNS = IS_JUDGED ? 10 : 2;
const ALONE_MS = IS_JUDGED ? 5_000 : 1_500;

function bytesBelow(path: string): number {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.mdb'))
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

const form = async (seed: number): Promise<Uint8Array<ArrayBuffer>> => {
  const jpeg = await image(await photo(800, 600, seed))
    .jpeg()
    .toBuffer();
  return new Uint8Array(multipartBody([filePart('sourceImage', 'a.jpg', jpeg)], { boundary: 'b' }));
};
const stored = async (target: string, body: Uint8Array<ArrayBuffer>): Promise<void> => {
  const headers = { 'content-type': 'multipart/form-data; boundary=b' };
  const answer = await fetch(target, { method: 'POST', headers, body });
  await answer.arrayBuffer();
  expect(answer.status).toBe(200);
};

/** ms, of answers to others. */
interface Times {
  readonly hits: number[];
  readonly uploads: number[];
}

class Others {
  uploaded = 0;
  /** A picture each with another comment, so that each is drawn. */
  private constructor(
    private readonly server: ServerProcess,
    private readonly body: Uint8Array<ArrayBuffer>,
  ) {}

  static async of(server: ServerProcess): Promise<Others> {
    return new Others(server, await form(9));
  }

  /** Adds to `times` what others wait for until `until` is settled. */
  async ask(times: Times, until: Promise<unknown>): Promise<void> {
    let isOver = false;
    void until.finally(() => {
      isOver = true;
    });
    const each = async (kind: keyof Times, pauseMs: number, request: () => Promise<void>): Promise<void> => {
      while (!isOver) {
        const from = performance.now();
        await request();
        times[kind].push(performance.now() - from);
        await sleep(pauseMs);
      }
    };
    const hit = async (): Promise<void> => {
      const answer = await fetch(`${this.server.url}/getImage/key/200x150?context=others`);
      await answer.arrayBuffer();
      expect(answer.status).toBe(200);
    };
    const hits = Array.from({ length: OTHERS }, () => each('hits', PAUSE_MS, hit));
    await Promise.all([...hits, each('uploads', UPLOADS_EACH_MS, () => this.upload())]);
  }

  private upload(): Promise<void> {
    const n = this.uploaded++;
    // Behind the end of the JPEG, where its bytes mean nothing.
    const at = Buffer.from(this.body.buffer).lastIndexOf(Buffer.from([0xff, 0xd9])) + 2;
    const body = Buffer.concat([this.body.subarray(0, at), Buffer.from(String(n)), this.body.subarray(at)]);
    return stored(`${this.server.url}/cacheImage/new-${n}?context=others`, new Uint8Array(body));
  }
}

function share(times: readonly number[], part: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor((times.length - 1) * part)] ?? 0;
}

const told = (times: readonly number[]): string =>
  `p50 ${share(times, 0.5).toFixed(1)} ms, p99 ${share(times, 0.99).toFixed(1)} ms of ${times.length}`;

interface Told {
  readonly statuses: Record<number, number>;
  readonly refused: { readonly status: number; readonly retryAfter: string; readonly body: string };
}

test(`${RECIPES} pictures of one image are asked for, each of another size`, { timeout: 900_000 }, async () => {
  const dir = await tempDir();
  const server = await startServerProcess({
    PROOFSHEET_DATA_DIR: dir.path,
    PROOFSHEET_EXACT: 'any',
    PROOFSHEET_DRAWING_MAX_BYTES: String(MAX_BYTES),
    PROOFSHEET_CONTEXT_DRAWINGS_PER_MINUTE: String(PER_MINUTE),
  });
  try {
    const body = await form(4);
    for (const context of ['hostile', 'others']) await stored(`${server.url}/cacheImage/key?context=${context}`, body);
    const encodes = () => scrape(server.origin, 'proofsheet_encodes_total');
    // Equal bytes are drawn once.
    const encodesOfUpload = await encodes();
    const others = await Others.of(server);
    // What a process learns from its first requests is not measured.
    await others.ask({ hits: [], uploads: [] }, sleep(1_000));
    const begun = performance.now();
    const url = `${server.url}/getImage/key/jpg:SIZE~coverandcrop?match=exact&context=hostile`;
    const [alone, meanwhile]: [Times, Times] = [
      { hits: [], uploads: [] },
      { hits: [], uploads: [] },
    ];
    const statuses: Record<number, number> = {};
    let refused: Told['refused'] | undefined;
    for (let turn = 0; turn < TURNS; turn++) {
      await others.ask(alone, sleep(ALONE_MS));
      const [first, end] = [turn, turn + 1].map((at) => String(Math.floor((RECIPES * at) / TURNS)));
      const asking = run(NODE, [CHILD, url, first ?? '', end ?? ''], { timeout: 600_000 });
      await others.ask(meanwhile, asking);
      const answers = JSON.parse((await asking).stdout) as Told;
      for (const [status, count] of Object.entries(answers.statuses))
        statuses[Number(status)] = (statuses[Number(status)] ?? 0) + count;
      refused ??= answers.refused;
    }
    const took = Math.round(performance.now() - begun);

    // The rate, what it allows at once, and what was asked for before it was told.
    const allowed = PER_MINUTE + (took / 60_000) * PER_MINUTE + OTHERS;
    expect(Object.keys(statuses)).toEqual(['200', '429']);
    expect((statuses[200] ?? 0) + (statuses[429] ?? 0)).toBe(RECIPES);
    expect(statuses[200]).toBeGreaterThanOrEqual(PER_MINUTE);
    expect(statuses[200]).toBeLessThanOrEqual(allowed);
    expect((await encodes()) - encodesOfUpload * (1 + others.uploaded)).toBeLessThanOrEqual(allowed);
    expect(refused).toMatchObject({ status: 429, retryAfter: expect.stringMatching(/^\d+$/) });
    expect(JSON.parse(refused?.body ?? '')).toMatchObject({
      code: 4290,
      message: expect.stringContaining('pictures per minute'),
    });
    expect(bytesBelow(join(dir.path, 'derivatives'))).toBeLessThan(MAX_BYTES * 1.1);
    for (const kind of ['hits', 'uploads'] as const)
      console.log(`${kind} of others alone: ${told(alone[kind])}; meanwhile: ${told(meanwhile[kind])}`);
    console.log(`${JSON.stringify(statuses)} in ${took} ms`);
    if (IS_JUDGED)
      for (const kind of ['hits', 'uploads'] as const)
        expect(share(meanwhile[kind], 0.99)).toBeLessThanOrEqual(share(alone[kind], 0.99) * 2);
  } finally {
    server.kill('SIGTERM');
    await server.gone;
    await dir.remove();
  }
});
