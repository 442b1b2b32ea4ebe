// Runs the fuzzer against a server process and keeps the books: what was answered, what must never be answered, and what
// the server's memory did. Request n of a seed is always the same request, so a finding is replayed by its two numbers.
import { readdir, readFile } from 'node:fs/promises';
import { RawConnection } from '../http-client.js';
import { randomNumbers } from '../images.js';
import { type FuzzRequest, fuzzRequest } from './requests.js';
import type { Seed } from './seeds.js';

export interface FuzzOptions {
  /** Base of the server. */
  readonly origin: string;
  readonly pid: number;
  readonly seeds: readonly Seed[];
  readonly seed: number;
  /** Numbers of the first request and the one after the last. */
  readonly from: number;
  readonly to: number;
  /** Connections, each with one request at a time. */
  readonly connections: number;
  readonly onProgress?: (books: FuzzBooks) => void;
}

export interface Finding {
  readonly index: number;
  readonly what: FuzzRequest['what'];
  readonly status: number;
  readonly text: string;
}

export interface FuzzBooks {
  done: number;
  /** Answers by kind of request and status. */
  readonly answers: Map<string, number>;
  readonly findings: Finding[];
  /** Memory that is the process's own (RssAnon), in bytes, sampled over the run. */
  readonly serverBytes: number[];
  readonly childrenBytes: number[];
  ms: number;
}

/** Longer than a conversion may take: nothing at all came. */
const HANG_MS = 40_000;
const SAMPLE_EVERY = 50;

export async function fuzz(options: FuzzOptions): Promise<FuzzBooks> {
  const books: FuzzBooks = { done: 0, answers: new Map(), findings: [], serverBytes: [], childrenBytes: [], ms: 0 };
  const startedAt = performance.now();
  let next = options.from;
  const work = async (): Promise<void> => {
    let connection: RawConnection | undefined;
    for (let index = next++; index < options.to; index = next++) {
      const request = requestOf(options, index);
      connection ??= await RawConnection.open(options.origin);
      const keep = await send(connection, request, index, books);
      if (!keep) {
        connection.destroy();
        connection = undefined;
      }
      books.done++;
      books.ms = performance.now() - startedAt;
      if (books.done % SAMPLE_EVERY === 0) await sample(options.pid, books);
      options.onProgress?.(books);
    }
    connection?.destroy();
  };
  await Promise.all(Array.from({ length: options.connections }, work));
  return books;
}

/** The request of that number; the same for the same seed. */
export function requestOf({ seeds, seed }: Pick<FuzzOptions, 'seeds' | 'seed'>, index: number): FuzzRequest {
  return fuzzRequest(seeds, randomNumbers((seed * 2_654_435_761 + index) >>> 0), index);
}

/** Whether the connection can be used again. */
async function send(
  connection: RawConnection,
  request: FuzzRequest,
  index: number,
  books: FuzzBooks,
): Promise<boolean> {
  let hung = false;
  const deadline = setTimeout(() => {
    hung = true;
    connection.destroy();
  }, HANG_MS);
  try {
    connection.send(request.bytes);
    let answer = await connection.answer();
    while (answer.status === 100) answer = await connection.answer();
    note(books, request, answer.status);
    if (!allowed(answer.status)) {
      books.findings.push({ index, what: request.what, status: answer.status, text: answer.body.slice(0, 300) });
    }
    return request.framed && answer.headers.get('connection') !== 'close';
  } catch (error) {
    const text = hung ? `no answer within ${HANG_MS} ms` : String(error).slice(0, 300);
    books.findings.push({ index, what: request.what, status: 0, text });
    return false;
  } finally {
    clearTimeout(deadline);
  }
}

/** Success and the client's own faults; of the server's only that it is busy, which is documented. */
function allowed(status: number): boolean {
  return (status >= 200 && status < 500) || status === 503;
}

function note(books: FuzzBooks, { what }: FuzzRequest, status: number): void {
  const label = `${what} ${status}`;
  books.answers.set(label, (books.answers.get(label) ?? 0) + 1);
}

async function sample(pid: number, books: FuzzBooks): Promise<void> {
  books.serverBytes.push(await ownBytes(pid));
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter(Boolean);
  const sizes = await Promise.all(children.map((child) => ownBytes(Number(child)).catch(() => 0)));
  books.childrenBytes.push(sizes.reduce((sum, size) => sum + size, 0));
}

/** Without the pages of files: those of the catalog are mapped and come and go as the system likes. */
async function ownBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

/** Open descriptors of a process. */
export async function openFiles(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

/**
 * What memory stays between two parts of the run: the tenth lowest of a hundred samples. Garbage that is not yet collected
 * is above it, and a child that is just being replaced below.
 */
export function keptBetween(samples: readonly number[], from: number, to: number): number {
  const part = samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to));
  return part.toSorted((a, b) => a - b)[Math.floor(part.length / 10)] ?? Number.NaN;
}

/** Limits that make caches full early in the run, so that what grows afterwards is a leak. */
export const FUZZ_ENVIRONMENT = {
  PROOFSHEET_SOURCE_TYPES: 'jpeg,png,gif,webp,tiff,avif,svg',
  PROOFSHEET_CONVERTERS: '2',
  PROOFSHEET_CONVERTER_RECYCLE_AFTER: '200',
  PROOFSHEET_TARGET_FORMATS: 'auto:200x150,webp:100x100~coverandcrop',
  PROOFSHEET_MEMORY_MAX_BYTES: '1MiB',
  PROOFSHEET_MAX_GROUPS: '100',
  PROOFSHEET_EVICTION_INTERVAL_SECONDS: '1',
  PROOFSHEET_ORPHAN_GRACE_SECONDS: '30',
  PROOFSHEET_NEGATIVE_CACHE_ENTRIES: '100',
  // A heap that is collected often shows sooner what stays in it.
  NODE_OPTIONS: '--max-semi-space-size=1',
} as const;
