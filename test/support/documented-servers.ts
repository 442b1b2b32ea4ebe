// Which OpenAPI document each server of these tests has, by its origin; and every answer that a test fetches from one is held
// against it, when the tests of the file have ended: the servers are in this process, and to compile schemas in between would
// hold them up until they send uploads away.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from 'vitest';
import type { Dialect } from '../../src/http/dialects/dialect.js';
import { openApiDocument } from '../../src/http/openapi/document.js';
import type { OpenApiDocument } from '../../src/http/openapi/openapi-types.js';
import { noteMet } from './answered-operations.js';
import { everyDialect } from './every-dialect.js';
import { AnswerCheck, type CheckedAnswer } from './openapi-check.js';

interface DocumentedOrigin {
  /** Made when the first answer is checked. */
  readonly check: () => AnswerCheck;
  readonly isMadeToFail: () => boolean;
}

/** Of the servers of this file: another file may get the port of one for a server of its own. */
const origins = new Map<string, DocumentedOrigin>();
/** By the document itself: most servers have the same few, and what a schema is compiled to serves them all. */
const checks = new Map<string, AnswerCheck>();
interface FetchedAnswer {
  readonly test: string;
  readonly check: () => AnswerCheck;
  readonly answer: CheckedAnswer;
}
const fetchedAnswers: Promise<FetchedAnswer>[] = [];

const TESTS = fileURLToPath(new URL('..', import.meta.url));
/** On which Node says that a request of its own client was answered. */
const ANSWERED = 'http.client.response.finish';

/**
 * From now on what is fetched from `origin` is held against the document of a server that speaks `dialects`. `isMadeToFail`: a test
 * has put a failure into what answers next, which may be none that this operation could ever have.
 */
export function documentServer(
  origin: string,
  dialects: readonly Dialect[],
  isOpen: boolean,
  isMadeToFail = () => false,
): void {
  const probedMount = dialects[0]?.mount ?? '/';
  let made: AnswerCheck | undefined;
  const check = () => {
    made ??= checkBy(openApiDocument(dialects, { version: '0', isOpen, withProbes: true, probedMount }));
    return made;
  };
  origins.set(origin, { check, isMadeToFail });
}

function checkBy(document: OpenApiDocument): AnswerCheck {
  const text = JSON.stringify(document);
  const check = checks.get(text) ?? new AnswerCheck(document);
  checks.set(text, check);
  return check;
}

/** Puts the check behind `fetch`, for all tests of a file; those of the next file find `fetch` and the servers as this one did. */
export function checkFetchedAnswers(): void {
  const fetched = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const request = input instanceof Request ? input : undefined;
    const { origin, pathname } = new URL(request?.url ?? String(input));
    const { check, isMadeToFail } = origins.get(origin) ?? {};
    const isAnyFailure = isMadeToFail?.() === true;
    const response = await fetched(input, init);
    if (check === undefined || isAnyFailure) return response;
    // What was followed is answered by another operation.
    const asked = init?.method ?? request?.method ?? 'GET';
    const verb = response.redirected && asked !== 'HEAD' ? 'GET' : asked;
    const path = response.redirected ? new URL(response.url).pathname : pathname;
    // Of a stream nobody knows when it ends, and a test may want to leave it: openapi.test.ts looks at those.
    const isJson =
      response.headers.get('content-type') === 'application/json' && response.headers.has('content-length');
    const copy = isJson && verb !== 'HEAD' ? response.clone() : undefined;
    const test = expect.getState().currentTestName ?? 'before all tests';
    const { status, headers } = response;
    // A body that broke off is no answer to look at.
    const text = copy?.text().catch(() => undefined) ?? Promise.resolve(undefined);
    fetchedAnswers.push(
      text.then((told) => ({
        test,
        check,
        answer: { verb, path, status, headers, ...(told !== undefined && { text: told }) },
      })),
    );
    return response;
  };
  subscribe(ANSWERED, noteAnswer);
  afterAll(async () => {
    globalThis.fetch = fetched;
    unsubscribe(ANSWERED, noteAnswer);
    const answers = await Promise.all(fetchedAnswers.splice(0));
    const faults = answers.flatMap(({ test, check, answer }) =>
      check()
        .faultsOf(answer)
        .map((fault) => `${test}: ${fault}`),
    );
    noteOperations(answers);
    origins.clear();
    expect(faults).toEqual([]);
  });
}

/** What `node:http` was answered: the status, the headers, and of which type; its body is the test's own. */
function noteAnswer(message: unknown): void {
  const { request, response } = message as { readonly request: ClientRequest; readonly response: IncomingMessage };
  const { origin, pathname } = new URL(request.path, `http://${request.getHeader('host')}`);
  const { check, isMadeToFail } = origins.get(origin) ?? {};
  if (check === undefined || isMadeToFail?.() === true) return;
  const headers = new Headers(
    Object.entries(response.headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((one): [string, string] => [name, one]),
    ),
  );
  const test = expect.getState().currentTestName ?? 'before all tests';
  const answer = { verb: request.method, path: pathname, status: response.statusCode ?? 0, headers };
  fetchedAnswers.push(Promise.resolve({ test, check, answer }));
}

function noteOperations(answers: readonly FetchedAnswer[]): void {
  const documents = [...new Set(answers.map(({ check }) => check().document))];
  noteMet(relative(TESTS, expect.getState().testPath ?? ''), {
    documented: [...new Set(documents.flatMap(answerableOf))],
    answered: [
      ...new Set(
        answers.flatMap(({ check, answer }) =>
          isWell(answer.status) ? (check().operationOf(answer)?.operationId ?? []) : [],
        ),
      ),
    ],
  });
}

/** Tags of operations that servers have; tests have dialects of their own beside them. */
const TAGS: ReadonlySet<string> = new Set(['server', ...everyDialect().map(({ name }) => name)]);

/** What `document` has that can be answered well. */
function answerableOf({ paths }: OpenApiDocument): readonly string[] {
  return Object.values(paths).flatMap((item) =>
    Object.values(item)
      .filter(({ tags, responses }) => tags.some((tag) => TAGS.has(tag)) && Object.keys(responses).some(isWell))
      .map(({ operationId }) => operationId),
  );
}

/** Below 400. */
function isWell(status: number | string): boolean {
  return Number(status) < 400;
}
