// The OpenAPI document as clients get it: served, kept, and true. Every operation's example is sent to a composed server, and its
// answer is held against the document; what other API tests fetch is held against it too (documented-servers.ts).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OpenApiDocument } from '../../src/http/openapi/openapi-types.js';
import { sourceForm } from '../support/multipart.js';
import { AnswerCheck, type CheckedAnswer } from '../support/openapi-check.js';
import { checkedAnswerOf, examplesOf, sendExample } from '../support/openapi-examples.js';
import { jpegOf } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

let server: TestServer;
let document: OpenApiDocument;
let check: AnswerCheck;
beforeAll(async () => {
  server = await startTestServer();
  document = (await (await fetch(`${server.origin}/openapi.json`)).json()) as OpenApiDocument;
  // Before schemas are compiled, which would hold up the server in this process.
  const stored = await fetch(`${server.url}/cacheImage/photo`, {
    method: 'POST',
    body: sourceForm(await jpegOf(640, 480)),
  });
  expect([stored.status, await stored.text()]).toEqual([200, expect.any(String)]);
  check = new AnswerCheck(document);
});
afterAll(() => server.close());

it('answers the example of every operation well, and as it says', { timeout: 120_000 }, async () => {
  const examples = examplesOf(document);
  expect(examples.length).toBeGreaterThan(25);
  const answers: (CheckedAnswer & { readonly operationId: string })[] = [];
  for (const example of examples) {
    const answer = await sendExample(server.origin, example, { admin: { Authorization: server.adminAuth } });
    const { operationId } = example.operation;
    answers.push({ operationId, ...(await checkedAnswerOf(example.verb, answer)) });
  }
  for (const { operationId, ...answer } of answers) {
    expect([operationId, answer.status]).toEqual([operationId, 200]);
    expect(check.templateOf(answer.path)).toBeDefined();
    expect(check.faultsOf(answer)).toEqual([]);
  }
});

describe('what the document does not say is seen', () => {
  const answer = (change: object) => ({
    verb: 'GET',
    path: '/imageconverter/getKeyCount',
    status: 200,
    headers: new Headers({ 'Content-Type': 'application/json' }),
    text: '{"count":1}',
    ...change,
  });

  it.each([
    ['nothing', {}, 0],
    ['another status', { status: 418 }, 1],
    ['another media type', { headers: new Headers({ 'Content-Type': 'text/html' }) }, 1],
    ['another shape', { text: '{"count":"one"}' }, 1],
    ['more than the shape', { text: '{"count":1,"secret":2}' }, 1],
    ['a header that is missing', { path: '/imageconverter/getMetadata/photo', status: 304 }, 3],
  ])('%s', (_what, change, count) => {
    expect(check.faultsOf(answer(change))).toHaveLength(count);
  });
});

it('is kept, and asked for again by its tag; each dialect has its own', async () => {
  const first = await fetch(`${server.origin}/openapi.json`);
  const etag = first.headers.get('etag') ?? '';
  expect([first.headers.get('content-type'), first.headers.get('cache-control')]).toEqual([
    'application/json',
    'no-cache',
  ]);
  const again = await fetch(`${server.origin}/openapi.json`, { headers: { 'If-None-Match': etag } });
  expect([again.status, (await again.arrayBuffer()).byteLength]).toEqual([304, 0]);
  const one = (await (await fetch(`${server.origin}/openapi/image-converter.json`)).json()) as OpenApiDocument;
  expect(Object.keys(one.paths).every((path) => path.startsWith('/imageconverter/'))).toBe(true);
  expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(Object.keys(one.paths)));
  expect((await fetch(`${server.origin}/openapi/no-such.json`)).status).toBe(404);
});

it('has a page of less than 60 kB that asks for nothing else and tells of every operation', async () => {
  const answer = await fetch(`${server.origin}/openapi`);
  const page = await answer.text();
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(Buffer.byteLength(page)).toBeLessThan(60_000);
  expect(page).not.toMatch(/<script|<img|@import|\bsrc=|url\(/);
  // Operations fail alike: each failure is told once, and pointed at.
  const failures = Object.values(document.components.responses).flatMap((response) =>
    [...JSON.stringify(response).matchAll(/`(\d{4} [a-z-]+)`: /g)].map(([, name = '']) => name),
  );
  for (const name of failures) expect([name, page.split(`<code>${name}</code>`).length]).toEqual([name, 2]);
  for (const [, id] of page.matchAll(/href="#([^"]+)"/g)) expect(page).toContain(`id="${id}"`);
  // Operations of one path are told together, under the first of them.
  for (const item of Object.values(document.paths))
    expect(page).toContain(`id="${Object.values(item)[0]?.operationId}"`);
});

it('has a page that names the document of each dialect, those for operators too', async () => {
  const page = await (await fetch(`${server.origin}/openapi`)).text();
  const linked = [...page.matchAll(/href="(\/openapi[^"]*)"/g)].map(([, path = '']) => path);
  expect(linked).toEqual(expect.arrayContaining(['/openapi.json', '/openapi/image-converter.json']));
  expect(linked).toEqual(expect.arrayContaining(['/openapi/admin.json', '/openapi/console.json']));
  for (const path of linked) expect([path, (await fetch(server.origin + path)).status]).toEqual([path, 200]);
});
