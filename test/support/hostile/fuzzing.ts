// Runs the fuzzer against a server process and keeps the books: what was answered, and what must never be answered. Request n of a seed is always the same request, so a finding is replayed by its two numbers.
import { readdir, readFile } from 'node:fs/promises';
import { SOURCE_TYPES } from '../../../src/kernel/source.js';
import { collectGarbage } from '../garbage.js';
import { RawConnection } from '../http-client.js';
import { randomNumbers } from '../images.js';
import { type FuzzRequest, fuzzRequest } from './requests.js';
import type { Seed } from './seeds.js';

export interface FuzzOptions {
  /** Base of the server. */
  readonly origin: string;
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
  ms: number;
}

/** Longer than a conversion may take: nothing at all came. */
const HANG_MS = 120_000;
const SETTLED_LOOKS = 16;

export async function fuzz(options: FuzzOptions): Promise<FuzzBooks> {
  const books: FuzzBooks = { done: 0, answers: new Map(), findings: [], ms: 0 };
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

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
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
 * Memory that is the server's own once it is left alone and its garbage is collected, in bytes: the lowest of half-second
 * looks until there was no lower one for eight seconds.
 */
export async function settledBytes(pid: number, inspectorPort: number): Promise<number> {
  await collectGarbage(pid, inspectorPort);
  let lowest = Number.POSITIVE_INFINITY;
  for (let looks = 0; looks < SETTLED_LOOKS; looks++) {
    const bytes = await ownBytes(pid);
    if (bytes < lowest * 0.99) looks = 0;
    lowest = Math.min(lowest, bytes);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return lowest;
}

/** The same of all its children together. */
export async function settledChildrenBytes(pid: number): Promise<number> {
  const sizes = await Promise.all((await childrenOf(pid)).map(ownBytes));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Limits that make caches full early in the run, so that what grows afterwards is a leak. */
export const fuzzEnvironment = (inspectorPort: number) => ({
  PROOFSHEET_SOURCE_TYPES: SOURCE_TYPES.join(','),
  PROOFSHEET_CONVERTERS: '2',
  PROOFSHEET_CONVERTER_RECYCLE_AFTER: '200',
  PROOFSHEET_TARGET_FORMATS: 'auto:200x150,webp:100x100~coverandcrop',
  PROOFSHEET_MEMORY_MAX_BYTES: '1MiB',
  PROOFSHEET_MAX_GROUPS: '100',
  PROOFSHEET_EVICTION_INTERVAL_SECONDS: '1',
  PROOFSHEET_ORPHAN_GRACE_SECONDS: '30',
  PROOFSHEET_NEGATIVE_CACHE_ENTRIES: '100',
  // A heap that is collected often shows sooner what stays in it.
  NODE_OPTIONS: `--max-semi-space-size=1 --inspect-port=${inspectorPort}`,
});
