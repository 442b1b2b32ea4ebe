// Traces as an operator has them: the example registers a real SDK in a real server's processes, which sends them to a collector.
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodedPhoto } from '../support/encoded-photo.js';
import { sourceForm } from '../support/multipart.js';
import { childrenOf } from '../support/processes.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';

const REGISTER = fileURLToPath(new URL('../../examples/opentelemetry/register.mjs', import.meta.url));
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const SERVER_KIND = 2;
const CLIENT_KIND = 3;
const ERROR = 2;

/** As OTLP writes it in JSON. */
interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly links?: readonly { readonly spanId: string }[];
  readonly status: { readonly code?: number };
}
interface Export {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
}

let dir: TempDir;
let collector: Server;
/** What gives out a picture, and what it was asked with. */
let origin: Server;
let seen: IncomingHttpHeaders[];
let spans: Span[];
let server: ServerProcess;

const portOf = (of: Server) => (of.address() as AddressInfo).port;
const listen = (of: Server) => new Promise<void>((resolve) => of.listen(0, '127.0.0.1', resolve));

beforeEach(async () => {
  dir = await tempDir();
  spans = [];
  seen = [];
  collector = createServer(async (request, response) => {
    const { resourceSpans } = (await json(request)) as Export;
    for (const { scopeSpans } of resourceSpans) for (const each of scopeSpans) spans.push(...each.spans);
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
  });
  const picture = await encodedPhoto(640, 480);
  origin = createServer((request, response) => {
    seen.push(request.headers);
    response.writeHead(200, { 'Content-Type': 'image/jpeg' }).end(picture);
  });
  await Promise.all([listen(collector), listen(origin)]);
});

afterEach(async () => {
  server.kill('SIGKILL');
  await server.gone;
  for (const each of [collector, origin]) {
    each.closeAllConnections();
    each.close();
  }
  await dir.remove();
});

async function serve(environment: Record<string, string> = {}): Promise<void> {
  server = await startServerProcess({
    NODE_OPTIONS: `--import ${REGISTER}`,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${portOf(collector)}`,
    PROOFSHEET_DATA_DIR: dir.path,
    ...environment,
  });
}

/** What has not been sent yet is sent before the server ends. */
async function stopped(): Promise<void> {
  server.kill('SIGTERM');
  expect(await server.gone).toBe(0);
}

const named = (name: string) => spans.filter((span) => span.name === name);
const one = (name: string): Span => {
  const [span, ...others] = named(name);
  if (span === undefined || others.length > 0)
    throw new Error(`expected one span ${name}, got ${JSON.stringify(spans.map((each) => each.name))}`);
  return span;
};
const facts = ({ attributes }: Span) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

const UPLOAD = 'POST /imageconverter/cacheAndGetImage/{imageKey}/{requestFormat}';
const READ = 'GET /imageconverter/getImage/{imageKey}/{requestFormat}';

describe('a server with an SDK', () => {
  it('tells of a request, its flight, its conversion and its tiers, each below the other, in the trace that the caller began', async () => {
    await serve({ PROOFSHEET_TARGET_FORMATS: 'auto:200x150,auto:800x800' });
    const url = `${server.url}/cacheAndGetImage/key-canary/auto:200x150?context=context-canary`;
    const headers = { traceparent: `00-${TRACE}-${CALLER}-01`, Authorization: 'Bearer token-canary-0123456789' };
    const body = sourceForm(await encodedPhoto(2400, 1800));
    const answer = await fetch(url, { method: 'POST', headers, body });
    expect(answer.status).toBe(200);
    const [child] = childrenOf(server.pid);
    const requestId = answer.headers.get('x-request-id');
    await answer.arrayBuffer();
    const read = `${server.url}/getImage/key-canary/200x150?context=context-canary&signature=signature-canary`;
    // Answered the long way first, then from what is prepared.
    for (let time = 0; time < 2; time++) expect((await fetch(read, { headers })).status).toBe(200);
    expect((await fetch(`${server.url}/getImage/none-canary/200x150`)).status).toBe(404);
    expect((await fetch(`${server.url}/path-canary`)).status).toBe(404);
    await stopped();

    const request = one(UPLOAD);
    expect(request).toMatchObject({ traceId: TRACE, parentSpanId: CALLER, kind: SERVER_KIND });
    expect(facts(request)).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/imageconverter/cacheAndGetImage/{imageKey}/{requestFormat}',
      'http.response.status_code': 200,
      'url.scheme': 'http',
      'proofsheet.operation': 'cacheAndGetImage',
      'proofsheet.request_id': requestId,
    });
    const flight = one('make previews');
    expect(flight).toMatchObject({ traceId: TRACE, parentSpanId: request.spanId });
    const conversion = one('convert');
    expect(conversion).toMatchObject({ traceId: TRACE, parentSpanId: flight.spanId });
    expect(facts(conversion)).toMatchObject({ 'proofsheet.source.type': 'jpeg', 'proofsheet.previews': 2 });
    const inChild = one('convert in child process');
    expect(inChild).toMatchObject({ traceId: TRACE, parentSpanId: conversion.spanId });
    expect(facts(inChild)['process.pid']).toBe(child);
    const puts = named('blob put');
    expect(puts.length).toBeGreaterThanOrEqual(2);
    for (const put of puts) {
      expect(facts(put)).toMatchObject({ 'proofsheet.tier': 'disk' });
      expect(put.traceId).toBe(TRACE);
    }
    const reads = named(READ);
    expect(reads.map((span) => facts(span)['http.response.status_code']).sort()).toEqual([200, 200, 404]);
    expect(reads.filter(({ parentSpanId }) => parentSpanId === CALLER)).toHaveLength(2);
    // What a client does wrong is no error of the server's.
    for (const { status } of spans) expect(status.code).not.toBe(ERROR);
    expect(JSON.stringify(spans)).not.toContain('canary');
  });

  it('links who waits for the previews of another to the flight that makes them, in every worker', async () => {
    await serve({ PROOFSHEET_WORKERS: '2' });
    const source = await encodedPhoto(4000, 3000);
    const put = (key: string) =>
      fetch(`${server.url}/cacheImage/${key}`, {
        method: 'POST',
        body: sourceForm(source),
        headers: { Connection: 'close' },
      });
    const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => put(`key-${index}`)));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    await stopped();
    const flights = new Map(named('make previews').map((span) => [span.spanId, span]));
    const waits = named('wait for previews');
    expect(waits.length).toBeGreaterThan(0);
    for (const { links = [], traceId } of waits) {
      expect(links).toHaveLength(1);
      const flight = flights.get(links[0]?.spanId ?? '');
      expect(flight).toBeDefined();
      expect(flight?.traceId).not.toBe(traceId);
    }
    expect(named('convert')).toHaveLength(1);
    expect(named('POST /imageconverter/cacheImage/{imageKey}')).toHaveLength(8);
  });

  it('notes a failure of ours by its name', async () => {
    await serve({ PROOFSHEET_CONVERSION_TIMEOUT_MS: '100', PROOFSHEET_MAX_SOURCE_PIXELS: '200000000' });
    const body = sourceForm(await encodedPhoto(9000, 9000));
    const answer = await fetch(`${server.url}/cacheImage/key`, { method: 'POST', body });
    expect(answer.status).toBe(504);
    await stopped();
    for (const name of ['POST /imageconverter/cacheImage/{imageKey}', 'convert']) {
      expect(one(name).status).toEqual({ code: ERROR });
      expect(facts(one(name))['error.type']).toBe('conversion-timeout');
    }
  });

  it.each([false, true])('asks a host that is listed (%s) in its trace, and no other knows of it', async (isListed) => {
    const place = `127.0.0.1:${portOf(origin)}`;
    await serve({
      PROOFSHEET_DIALECTS: 'image-converter,imaginary',
      PROOFSHEET_IMAGINARY_SOURCES: '*',
      PROOFSHEET_FETCH_ALLOW: place,
      ...(isListed && { PROOFSHEET_TRACE_HOSTS: place }),
    });
    const url = `${server.origin}/imaginary/resize?width=100&url=http://${place}/path-canary.jpg?token=token-canary`;
    expect(
      (await fetch(url, { headers: { traceparent: `00-${TRACE}-${CALLER}-01`, baggage: 'user=canary' } })).status,
    ).toBe(200);
    await stopped();
    const client = spans.find(({ kind }) => kind === CLIENT_KIND);
    expect(client).toMatchObject({ traceId: TRACE, name: 'GET' });
    const told = seen.map(({ traceparent }) => traceparent);
    expect(told).toEqual(isListed ? [`00-${TRACE}-${client?.spanId}-01`] : [undefined]);
    if (!isListed) expect(seen[0]).not.toHaveProperty('baggage');
    expect(JSON.stringify(spans)).not.toContain('canary');
    const request = spans.find(({ kind }) => kind === SERVER_KIND);
    expect(request?.parentSpanId).toBe(CALLER);
    expect(client?.parentSpanId).toBe(request?.spanId);
  });
});
