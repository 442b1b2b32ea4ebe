// Many answers in one body: each with the status and the headers that it would have alone, as a part of multipart/mixed (RFC 2046)
// or as a line of JSON. Pure.
import type { PreviewBytes } from '../../previews/answers.js';
import type { RenderedFailure } from './error-map.js';
import { type HeaderPairs, jsonHeaders } from './headers.js';
import { imageAnswer, UNCONDITIONAL } from './image-response.js';

/** One answer of many. */
export interface AnswerOfMany {
  readonly index: number;
  readonly isFinal: boolean;
  readonly status: number;
  readonly headers: HeaderPairs;
  readonly body: Uint8Array;
}

const NO_BODY = Buffer.alloc(0);

/** As getImage would answer; what another will follow for is not to be kept. */
export function pictureOfMany(
  { index, isFinal, read }: { readonly index: number; readonly isFinal: boolean; readonly read: PreviewBytes },
  ifNoneMatch: string | undefined,
  cacheControl: string,
  nowMs: number,
): AnswerOfMany {
  const conditions = { ...UNCONDITIONAL, ifNoneMatch };
  const { status, headers } = imageAnswer(read.choice, conditions, isFinal ? cacheControl : 'no-store', nowMs);
  return { index, isFinal, status, headers, body: status === 304 ? NO_BODY : read.bytes };
}

export function failureOfMany(index: number, { status, headers, body }: RenderedFailure): AnswerOfMany {
  const bytes = Buffer.from(body);
  // The later of two of the same name counts.
  const byName = new Map([...jsonHeaders(bytes.length), ...headers].map((pair) => [pair[0].toLowerCase(), pair]));
  return { index, isFinal: true, status, headers: [...byName.values()], body: bytes };
}

/** Headers of the whole, and how each answer, and their end, is written. */
export interface BatchWriting {
  readonly headers: HeaderPairs;
  write(answer: AnswerOfMany): Uint8Array | string;
  readonly end: string;
}

/** `boundary`: 1 to 70 characters that no preview has, by chance or on purpose. */
export function asParts(boundary: string): BatchWriting {
  return {
    headers: [['Content-Type', `multipart/mixed; boundary=${boundary}`], ...headersOfBatch()],
    write({ index, isFinal, status, headers, body }) {
      const told: HeaderPairs = [
        ['Content-ID', `<${index}>`],
        ['Status', String(status)],
        ...(isFinal ? [] : ([['X-Proofsheet-Provisional', '?1']] as const)),
        ...headers,
      ];
      const head = told.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      return Buffer.concat([Buffer.from(`--${boundary}\r\n${head}\r\n`), body, Buffer.from('\r\n')]);
    },
    end: `--${boundary}--\r\n`,
  };
}

export const AS_LINES: BatchWriting = {
  headers: [['Content-Type', 'application/x-ndjson'], ...headersOfBatch()],
  write({ index, isFinal, status, headers, body }) {
    const told = { index, status, headers: Object.fromEntries(headers), isFinal };
    if (body.length === 0) return `${JSON.stringify(told)}\n`;
    return status < 400
      ? `${JSON.stringify({ ...told, body: Buffer.from(body).toString('base64') })}\n`
      : `${JSON.stringify({ ...told, error: JSON.parse(Buffer.from(body).toString()) })}\n`;
  },
  end: '',
};

function headersOfBatch(): HeaderPairs {
  return [
    ['Cache-Control', 'no-store'],
    ['X-Content-Type-Options', 'nosniff'],
    // A proxy that gathers the whole would take away what a stream is for.
    ['X-Accel-Buffering', 'no'],
  ];
}
