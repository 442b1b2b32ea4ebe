// The server that hostile sources are thrown at: a process of its own with the default limits, watched from outside. For
// each source it tells the answer, the time it took, and the most memory that a converter child had meanwhile.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { until } from '../gate.js';
import { sourceForm } from '../multipart.js';
import { namesBelow } from '../names-below.js';
import { cpuMsOf, isRunning } from '../processes.js';
import { residentBytes, type ServerProcess, scrape, startServerProcess } from '../server-process.js';
import { type TempDir, tempDir } from '../temp-dir.js';
import { jpegOf } from '../test-images.js';

export interface Outcome {
  readonly status: number;
  /** Numeric code of the answer; 0 for success. */
  readonly code: number;
  readonly message: string;
  /** Wall time of the request, ms. */
  readonly ms: number;
  /** Processor time that the server and its converters took meanwhile. */
  readonly cpuMs: number;
  /** The highest resident memory of the converter child, from start to end of the request, in MiB. */
  readonly childPeakMiB: number;
  readonly key: string;
}

const LOOK_EVERY_MS = 20;
const FORMAT = 'auto:200x150';

export class HostileServer {
  private uploads = 0;
  readonly outcomes: (Outcome & { readonly what: string })[] = [];

  private constructor(
    readonly server: ServerProcess,
    private readonly data: TempDir,
    private readonly good: Buffer,
  ) {}

  /** One converter unless told otherwise, the default source types and limits. */
  static async start(environment: Readonly<Record<string, string>> = {}): Promise<HostileServer> {
    const data = await tempDir();
    const server = await startServerProcess({
      PROOFSHEET_DATA_DIR: data.path,
      PROOFSHEET_LOG_LEVEL: 'info',
      ...environment,
    });
    const hostile = new HostileServer(server, data, await jpegOf(64, 48));
    await hostile.childPid();
    return hostile;
  }

  get dataDir(): string {
    return this.data.path;
  }

  /** Uploads `source` and measures; what the answer should be is the caller's. */
  async throwAt(source: Buffer, what: string, fileName = 'source.bin'): Promise<Outcome> {
    const key = `hostile-${++this.uploads}`;
    const child = await this.childPid();
    await resetPeak(child);
    // A child that is recycled or killed afterwards does not live to be asked: it is asked meanwhile.
    let peak = 0;
    const look = async (): Promise<void> => {
      peak = Math.max(peak, await peakMiB(child));
    };
    await look();
    const looking = setInterval(() => void look(), LOOK_EVERY_MS);
    const cpuBefore = cpuMsOf(this.server.pid);
    const startedAt = performance.now();
    const answer = await fetch(`${this.server.url}/cacheImage/${key}`, {
      method: 'POST',
      body: sourceForm(source, fileName),
      signal: AbortSignal.timeout(150_000),
    });
    const body = (await answer.json()) as { readonly code: number; readonly message: string };
    const ms = Math.round(performance.now() - startedAt);
    const cpuMs = cpuMsOf(this.server.pid) - cpuBefore;
    clearInterval(looking);
    await look();
    const outcome = { status: answer.status, ...body, ms, cpuMs, childPeakMiB: peak, key };
    this.outcomes.push({ what, ...outcome });
    return outcome;
  }

  /** Nothing of a refused source is kept: no key, no temp file; and the next good source is served by the same server. */
  async expectUnharmed(refused?: Outcome): Promise<void> {
    if (refused !== undefined) {
      for (const path of [`getMetadata/${refused.key}`, `getImage/${refused.key}/${FORMAT}`]) {
        expect((await fetch(`${this.server.url}/${path}`)).status).toBe(404);
      }
      // No stack, no path of the server or of its source code.
      expect(refused.message).not.toMatch(/\n|\/tmp|\/src|\/dist|\.[jt]s\b|\bat \w+ \(/);
      expect(refused.message).toMatch(/expected|longer than/);
    }
    await this.tidied();
    await this.expectServes();
  }

  /** A good source that nobody has uploaded before is converted, by the same process. */
  async expectServes(): Promise<void> {
    const key = `good-${++this.uploads}`;
    // Bytes behind the end of a JPEG change nothing but its digest.
    const source = Buffer.concat([this.good, Buffer.from(key)]);
    const url = `${this.server.url}/cacheAndGetImage/${key}/${FORMAT}`;
    const answer = await fetch(url, { method: 'POST', body: sourceForm(source) });
    const bytes = await answer.arrayBuffer();
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    expect(bytes.byteLength).toBeGreaterThan(100);
  }

  /** Keys that the server says it has. */
  async keyCount(): Promise<number> {
    const answer = await fetch(`${this.server.url}/getKeyCount`);
    return ((await answer.json()) as { readonly count: number }).count;
  }

  /** Resolves once no file of an upload or conversion is left: a flight is answered first, and tidied then. */
  async tidied(): Promise<void> {
    let left: string[] = [];
    await until(async () => {
      // The directory of this run stays; everything in it goes.
      left = (await namesBelow(join(this.data.path, 'tmp'))).filter((name) => name.includes('/'));
      return left.length === 0;
    }, 'temp files are removed').catch((error: unknown) => {
      throw new Error(`expected no temp files, got ${left.join(', ')}`, { cause: error });
    });
  }

  /** Sum over the converter children, in bytes. */
  async childrenBytes(): Promise<number> {
    const sizes = await Promise.all((await childPids(this.server.pid)).map((pid) => residentBytes(pid).catch(() => 0)));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  metric(name: string, labels = ''): Promise<number> {
    return scrape(this.server.origin, name, labels);
  }

  /** Ends the server as an operator does; it has not died before and says 0. */
  async close(): Promise<void> {
    expect(isRunning(this.server.pid)).toBe(true);
    this.server.kill('SIGTERM');
    expect(await this.server.gone).toBe(0);
    await this.data.remove();
  }

  /** The one child, warm. */
  private async childPid(): Promise<number> {
    let pids: number[] = [];
    await until(async () => {
      const idle = await this.metric('proofsheet_converters', 'state="idle"');
      pids = await childPids(this.server.pid);
      return idle >= 1 && pids.length === idle;
    }, 'a converter is warm');
    return pids[0] ?? 0;
  }
}

async function childPids(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

/** 5 sets the peak to what is resident now (proc(5), clear_refs). */
async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => {});
}

async function peakMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024);
}

/** The measured answers as a Markdown table, for docs/RELIABILITY.md. */
export function outcomeTable(outcomes: HostileServer['outcomes']): string {
  return outcomes
    .map(
      ({ what, status, code, ms, childPeakMiB }) => `| ${what} | ${status}/${code} | ${ms} ms | ${childPeakMiB} MiB |`,
    )
    .join('\n');
}
