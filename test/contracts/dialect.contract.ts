// The contract of a dialect: what every face of the server owes its clients, whatever its words are.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Dialect } from '../../src/http/dialects/dialect.js';
import { literalOf, patternOf, type Route } from '../../src/http/dialects/route.js';
import { failureOf } from '../../src/http/replies/error-map.js';
import { digestOf } from '../../src/kernel/digest.js';
import { ERROR_NAMES, type ErrorName, ProofsheetError } from '../../src/kernel/errors.js';
import type { GroupRef } from '../../src/kernel/image-key.js';
import { type EdgeServer, startEdgeServer } from '../support/edge-server.js';
import { until } from '../support/gate.js';
import { sourceForm } from '../support/multipart.js';
import { withTempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';
import type { ContractCase, Opened } from './contract.js';

/** A request that a route answers well where `group` is cached. */
export interface Example {
  /** Below the mount. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of a route that takes JSON. */
  readonly body?: unknown;
}

export interface DialectOffer {
  readonly dialect: Dialect;
  /** By the route's name; one for each. */
  readonly examples: Readonly<Record<string, Example>>;
  readonly group: GroupRef;
  /** Sent with every example: an admin's login, where the dialect is for admins. Without one their routes are not asked. */
  readonly login?: Readonly<Record<string, string>>;
  /** A route that asks the use cases, where the first that is read does not. */
  readonly asking?: string;
  /** Routes whose answers are others each time: HEAD has the same headers there, not the same values. */
  readonly varying?: readonly string[];
}

export interface DialectSubject extends DialectOffer {
  readonly server: EdgeServer;
}

/** A server that speaks this dialect alone and has the group of its examples. */
export async function openDialect(offer: DialectOffer, server?: EdgeServer): Promise<Opened<DialectSubject>> {
  return openedDialect(offer, server ?? (await startEdgeServer({}, { dialects: [offer.dialect] })));
}

async function openedDialect(offer: DialectOffer, server: EdgeServer): Promise<Opened<DialectSubject>> {
  await withTempDir(async (dir) => {
    const path = join(dir, 'upload');
    const bytes = await jpegOf(640, 480);
    await writeFile(path, bytes);
    await server.previews.cache(offer.group, { path, digest: digestOf(bytes), bytes: bytes.length });
  });
  return { subject: { ...offer, server }, close: () => server.close() };
}

async function ask(
  { server, dialect, examples, login }: DialectSubject,
  route: Route,
  verb: string = route.verbs[0] ?? 'GET',
): Promise<Response> {
  const example = examples[route.name];
  if (example === undefined) throw new Error(`expected an example of ${route.name}`);
  const isBare = verb === 'GET' || verb === 'HEAD' || route.body === 'none';
  const json = route.body === 'json' && !isBare ? { 'Content-Type': 'application/json' } : {};
  const body =
    route.body === 'source'
      ? sourceForm(await jpegOf(64, 48), 'photo.jpg', route.sourcePart)
      : JSON.stringify(example.body);
  return fetch(`${server.origin}${dialect.mount}${example.path}`, {
    method: verb,
    redirect: 'manual',
    headers: { ...json, ...login, ...example.headers },
    ...(isBare ? {} : { body }),
  });
}

/** Routes that can be asked with what is at hand. */
function opened({ dialect, login }: DialectSubject): readonly Route[] {
  const routes = dialect.routes.filter(({ opensTo }) => login !== undefined || opensTo !== 'admin');
  expect(routes).not.toEqual([]);
  return routes;
}

/** Of those, the ones that do what they are asked for. */
function working(subject: DialectSubject): readonly Route[] {
  return opened(subject).filter(({ description }) => description.answer.kind !== 'refusal');
}

/** A route behind which use cases stand. */
function askingRoute(subject: DialectSubject): Route {
  const { asking } = subject;
  const route = opened(subject).find(({ name, verbs }) => (asking ? name === asking : verbs.includes('GET')));
  if (route === undefined) throw new Error('expected a route that asks the use cases');
  return route;
}

/** The answer is this failure as the dialect tells it. Status, body and media type are compared with its own words. */
async function expectFailure(
  { dialect }: DialectSubject,
  answer: Response,
  code: ErrorName,
  route: string | undefined,
): Promise<void> {
  const text = await answer.text();
  const told = (message: string) =>
    dialect.renderFailure(failureOf(new ProofsheetError(code, message, retryOf(answer))), route);
  const shape = told('§');
  expect(shape.body).toContain('§');
  const [before = '', after = ''] = shape.body.split('§');
  expect(answer.status).toBe(shape.status);
  expect(text.startsWith(before), text).toBe(true);
  expect(text.endsWith(after), text).toBe(true);
  expect(text.length).toBeGreaterThan(before.length + after.length);
  const type = shape.headers.findLast(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? 'application/json';
  expect(answer.headers.get('content-type')).toBe(type);
  for (const [name, value] of dialect.headers ?? []) expect(answer.headers.get(name)).toBe(value);
}

const retryOf = (answer: Response) => {
  const seconds = answer.headers.get('retry-after');
  return seconds === null ? {} : { retryAfterSeconds: Number(seconds) };
};

export const dialectCases: readonly ContractCase<DialectSubject>[] = [
  {
    name: 'has a mount, and routes with names and beginnings of their own',
    async run({ dialect: { name, mount, routes } }) {
      expect(name).toMatch(/^[a-z]+(?:-[a-z]+)*$/);
      expect(mount).toMatch(/^(?:\/[A-Za-z0-9._~-]+)+$/);
      expect(routes).not.toEqual([]);
      for (const texts of [routes.map((route) => route.name), routes.map(patternOf)])
        expect(new Set(texts).size).toBe(routes.length);
      for (const { name: own } of routes) expect(own).toMatch(/^[A-Za-z][A-Za-z0-9-]*$/);
      // A version, or a name of the client's where the standard puts it first.
      for (const route of routes) expect(literalOf(route)).toMatch(/^(?:[A-Za-z0-9][A-Za-z0-9-]*)?$/);
      for (const { verbs } of routes) expect(verbs.includes('GET')).toBe(verbs.includes('HEAD'));
    },
  },
  {
    name: 'answers the example of every route well, with its constant headers',
    async run(subject) {
      for (const route of working(subject)) {
        const answer = await ask(subject, route);
        await answer.arrayBuffer();
        expect([route.name, answer.status < 400]).toEqual([route.name, true]);
        for (const [name, value] of subject.dialect.headers ?? []) expect(answer.headers.get(name)).toBe(value);
      }
    },
  },
  {
    name: 'does nothing for who has not the login that a route takes',
    async run(subject) {
      const { server, dialect } = subject;
      expect(dialect.routes).not.toEqual([]);
      for (const route of dialect.routes.filter(({ opensTo }) => opensTo === 'admin')) {
        const asked = server.previews.calls.length;
        const answer = await ask({ ...subject, login: {} }, route);
        expect([route.name, answer.status, answer.headers.has('www-authenticate')]).toEqual([route.name, 401, true]);
        await expectFailure(subject, answer, 'unauthorized', route.name);
        expect(server.previews.calls.length).toBe(asked);
      }
    },
  },
  {
    name: 'parses whatever comes to something, or to a failure with a name',
    async run({ dialect: { routes } }) {
      expect(routes).not.toEqual([]);
      const segments = fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { maxLength: 4 });
      const query = fc.webQueryParameters();
      for (const route of routes)
        fc.assert(
          fc.property(segments, query, fc.jsonValue(), (given, text, body) => {
            try {
              route.ask({ segments: given, url: `/x?${text}` }, body);
            } catch (error) {
              expect(error).toBeInstanceOf(ProofsheetError);
            }
          }),
          { numRuns: 200 },
        );
    },
  },
  {
    name: 'answers HEAD as GET, without the body',
    async run(subject) {
      const reading = working(subject).filter(({ verbs }) => verbs.includes('GET'));
      expect(reading).not.toEqual([]);
      for (const route of reading) {
        const [get, head] = [await ask(subject, route, 'GET'), await ask(subject, route, 'HEAD')];
        const isVarying = subject.varying?.includes(route.name) === true;
        // Told by a picture alone that is made for GET, which HEAD does not have made (RFC 9110, section 9.3.2).
        const ofBytes = route.effort === 'draws' ? ['content-length', 'etag', 'repr-digest'] : [];
        for (const name of ofBytes) expect([get.headers.has(name), head.headers.has(name)]).toEqual([true, false]);
        const told = ({ status, headers }: Response) => [
          status,
          ...[...headers]
            .filter(
              ([name]) => !['date', 'x-request-id', 'transfer-encoding', 'connection', 'keep-alive'].includes(name),
            )
            .filter(([name]) => !ofBytes.includes(name))
            .map(([name, value]) => (isVarying ? name : [name, value])),
        ];
        expect(told(head)).toEqual(told(get));
        expect((await get.arrayBuffer()).byteLength).toBeGreaterThan(0);
        expect((await head.arrayBuffer()).byteLength).toBe(0);
      }
    },
  },
  {
    name: 'tells of a wrong verb with Allow, and answers OPTIONS',
    async run(subject) {
      for (const route of subject.dialect.routes) {
        const allow = [...route.verbs, 'OPTIONS'].join(', ');
        const wrong = ['DELETE', 'PUT', 'POST', 'GET'].find(
          (verb) => !(route.verbs as readonly string[]).includes(verb),
        );
        const url = `${subject.server.origin}${subject.dialect.mount}${subject.examples[route.name]?.path}`;
        const answer = await fetch(url, { method: wrong ?? 'PATCH' });
        expect(answer.headers.get('allow')).toBe(allow);
        await expectFailure(subject, answer, 'verb-not-allowed', route.name);
        const options = await fetch(url, { method: 'OPTIONS' });
        expect([options.status, options.headers.get('allow')]).toEqual([204, allow]);
      }
      expect(subject.dialect.routes).not.toEqual([]);
    },
  },
  {
    name: 'tells of an unknown path in its own words, and names its routes',
    async run(subject) {
      const { server, dialect } = subject;
      for (const path of ['/no-such-route', '/no-such-route/with/more', '/%F0%9F%92%A9']) {
        const answer = await fetch(`${server.origin}${dialect.mount}${path}`);
        const text = await answer.clone().text();
        for (const { name } of dialect.routes) expect(text).toContain(name);
        await expectFailure(subject, answer, 'unknown-operation', undefined);
      }
    },
  },
  {
    name: 'tells of a path that does not decode, and does not repeat it',
    async run(subject) {
      const { server, dialect, examples } = subject;
      const withNames = opened(subject).filter(({ path }) => path.includes('{'));
      if (withNames.length === 0) {
        // A dialect without names of the client's in its paths: there is no route that it could be one of.
        const answer = await fetch(`${server.origin}${dialect.mount}/secret%E0%A4%A`);
        expect(await answer.clone().text()).not.toMatch(/%|secret/);
        await expectFailure(subject, answer, 'unknown-operation', undefined);
      }
      for (const route of withNames) {
        const place = route.path.split('/').findLastIndex((segment) => segment.includes('{'));
        const path = examples[route.name]?.path.split('?')[0]?.split('/').with(place, 'secret%E0%A4%A').join('/');
        const answer = await fetch(`${server.origin}${dialect.mount}${path}`);
        expect(await answer.clone().text()).not.toMatch(/%|secret/);
        await expectFailure(subject, answer, 'invalid-image-key', route.name);
      }
    },
  },
  {
    name: 'has every answer counted and timed under its name and that of the route, failures too',
    async run(subject) {
      const { server, dialect } = subject;
      const { metrics } = server;
      const routes = opened(subject);
      metrics.reset();
      for (const route of routes) await (await ask(subject, route)).arrayBuffer();
      await (await fetch(`${server.origin}${dialect.mount}/no-such-route`)).arrayBuffer();
      await until(() => metrics.total('http_requests_total') === routes.length + 1, 'all are counted');
      for (const operation of [...routes.map(({ name }) => name), 'unknown']) {
        const labels = { dialect: dialect.name, operation };
        expect([operation, metrics.total('http_requests_total', labels)]).toEqual([operation, 1]);
        expect(metrics.observations('http_request_duration_seconds', labels)).toHaveLength(1);
      }
    },
  },
  {
    name: 'tells of every failure of the use cases, and of what nobody foresaw without its cause',
    async run(subject) {
      const route = askingRoute(subject);
      for (const code of ERROR_NAMES) {
        subject.server.previews.failNext = new ProofsheetError(code, `expected no ${code}`);
        await expectFailure(subject, await ask(subject, route), code, route.name);
      }
      subject.server.previews.failNext = new TypeError('secret of ours');
      const answer = await ask(subject, route);
      expect(await answer.clone().text()).not.toContain('secret');
      await expectFailure(subject, answer, 'internal', route.name);
    },
  },
  {
    name: 'tells when to come back, while a limit holds and while the server stops',
    async run(subject) {
      const route = askingRoute(subject);
      subject.server.previews.failNext = new ProofsheetError('over-quota', 'too much', { retryAfterSeconds: 7 });
      const limited = await ask(subject, route);
      expect(limited.headers.get('retry-after')).toBe('7');
      await expectFailure(subject, limited, 'over-quota', route.name);
      subject.server.edge.drain();
      for (const working of subject.dialect.routes.filter(({ effort }) => effort !== 'stays-open')) {
        const stopping = await ask(subject, working);
        expect(Number(stopping.headers.get('retry-after'))).toBeGreaterThan(0);
        await expectFailure(subject, stopping, 'overloaded', working.name);
      }
    },
  },
];
