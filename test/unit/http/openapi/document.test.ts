// The OpenAPI document: a kept linter has nothing to say of it, and it follows from the routes and their dialects alone.
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { describe, expect, it } from 'vitest';
import { dialectsOf } from '../../../../src/http/dialects/registry.js';
import { type DocumentedServer, openApiDocument } from '../../../../src/http/openapi/document.js';
import type { OpenApiDocument } from '../../../../src/http/openapi/openapi-types.js';
import { ERROR_MEANINGS, PROTOCOL_ERROR_MEANINGS } from '../../../../src/http/replies/error-meanings.js';
import { ledger } from '../../../support/dialects/ledger.js';
import { readDocument, tableBelow } from '../../../support/documents.js';
import { everyDialect } from '../../../support/every-dialect.js';

const SETTINGS = { basePath: '/imageconverter', strictErrors: false, strictFormats: false };
const SERVER: DocumentedServer = { version: '1.2.3', isOpen: true, withProbes: true, probedMount: '/imageconverter' };
const ours = (settings: Partial<typeof SETTINGS> = {}) => dialectsOf({ ...SETTINGS, ...settings });

/** What the linter says of the document, the strictest of its own rules applied but for those of `without`. */
async function lint(document: unknown, without: readonly string[] = []): Promise<readonly string[]> {
  const rules = Object.fromEntries(without.map((rule) => [rule, 'off' as const]));
  const config = await createConfig({ extends: ['recommended-strict'], rules });
  const problems = await lintFromString({ source: JSON.stringify(document), absoluteRef: '/openapi.json', config });
  return problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} (${location[0]?.pointer})`);
}

function operation({ paths }: OpenApiDocument, path: string, verb: string) {
  const found = paths[path]?.[verb];
  if (found === undefined) throw new Error(`expected ${verb} ${path}`);
  return found;
}

describe('the linter', () => {
  it.each([
    ['what is served by default', ours(), {}, []],
    ['with tokens', ours(), { isOpen: false }, []],
    // Every failure is a 500 there.
    ['as strict as the original', ours({ strictErrors: true }), {}, ['operation-4xx-response']],
    // One of its operations answers by a redirect alone.
    ['another dialect', [ledger], {}, ['operation-2xx-response']],
    ['two dialects', [...ours(), ledger], { isOpen: false, withProbes: false }, ['operation-2xx-response']],
  ])('has nothing to say: %s', async (_name, dialects, more, without) => {
    expect(await lint(openApiDocument(dialects, { ...SERVER, ...more }), without)).toEqual([]);
  });

  /** Redirects alone, and what is refused always, have no answer that went well. ZoomHub's own paths are what they are: a server goes by the verb. */
  const KNOWN: Readonly<Record<string, readonly string[]>> = { zoomhub: ['no-ambiguous-paths'] };
  it.each(everyDialect().map((dialect) => [dialect.name, dialect] as const))(
    'has nothing to say of %s',
    async (name, dialect) => {
      const document = openApiDocument([dialect], { ...SERVER, isOpen: false, withProbes: false });
      expect(await lint(document, ['operation-2xx-response', ...(KNOWN[name] ?? [])])).toEqual([]);
    },
  );

  it('does look', async () => {
    const document = openApiDocument(ours(), SERVER);
    expect(await lint({ ...document, tags: 'none' })).not.toEqual([]);
    expect(await lint({ ...document, components: {} })).not.toEqual([]);
  });
});

it('has every route of every dialect with all its verbs', () => {
  const dialects = [...ours(), ledger];
  const { paths } = openApiDocument(dialects, { ...SERVER, withProbes: false });
  const told = Object.entries(paths).map(([path, item]) => [path, Object.keys(item)]);
  const routes = dialects.flatMap(({ mount, routes }) =>
    routes.map(({ path, verbs }) => [`${mount}${path}`, verbs.map((verb) => verb.toLowerCase())]),
  );
  expect(told).toEqual(expect.arrayContaining(routes));
  // One of them may leave its last segment out.
  expect(told).toHaveLength(routes.length + 1);
});

it('tells failures with the statuses that the dialect gives them', () => {
  const statuses = (dialect: typeof ledger, path: string) =>
    Object.keys(operation(openApiDocument([dialect], SERVER), path, 'get').responses);
  const [strict, plain] = [ours({ strictErrors: true })[0], ours()[0]];
  expect(statuses(plain, '/imageconverter/getMetadata/{imageKey}')).toContain('404');
  expect(statuses(strict, '/imageconverter/getMetadata/{imageKey}')).toEqual(['200', '304', '500']);
  expect(statuses(ledger, '/ledger/v2/facts/{organisation}/{entry}')).toContain('410');
});

it('tells what opens an operation: nothing, a token, a signed URL, an admin', () => {
  const of = (isOpen: boolean, path: string, verb: string) =>
    operation(openApiDocument([...ours(), ledger], { ...SERVER, isOpen }), path, verb).security.map((all) =>
      Object.keys(all).join('+'),
    );
  expect(of(false, '/imageconverter/cacheImage/{imageKey}', 'post')).toEqual(['token']);
  const signed = 'signedUrlSignature+signedUrlExpires+signedUrlKey';
  expect(of(false, '/imageconverter/getMetadata/{imageKey}', 'get')).toEqual(['token', signed]);
  expect(of(true, '/imageconverter/getMetadata/{imageKey}', 'get')).toEqual(['', 'token', signed]);
  expect(of(true, '/imageconverter/getKeys', 'get')).toEqual(['admin']);
  expect(of(false, '/imageconverter/status', 'get')).toEqual([]);
  expect(of(false, '/ledger/v2/file/{organisation}/{entry}', 'put')).toEqual(['ledger']);
});

describe('what an upload may be told of, and whether it has to be sent', () => {
  const told = (dialects: Parameters<typeof openApiDocument>[0], path: string, verb: string) => {
    const { parameters = [], requestBody } = operation(openApiDocument(dialects, SERVER), path, verb);
    const headers = parameters.filter((parameter) => parameter.in === 'header');
    return {
      headers: headers.map(({ name, required }) => [name, required]),
      isRequired: requestBody?.required,
      types: Object.keys(requestBody?.content ?? {}),
    };
  };
  const one = (name: string) => everyDialect().filter((dialect) => dialect.name === name);
  const form = 'multipart/form-data';
  const raw = ['image/*', 'application/octet-stream'];
  const digest = ['Content-Digest', false];

  it.each([
    ['cacheImage/{imageKey}', 'post'],
    ['cacheImage/{imageKey}', 'put'],
    ['cacheAndGetImage/{imageKey}/{requestFormat}', 'post'],
    ['cacheAndGetImageAndMetadata/{imageKey}/{requestFormat}', 'post'],
  ])('%s by %s: a digest, or a key that exists, stands for the body', (path, verb) => {
    expect(told(ours(), `/imageconverter/${path}`, verb)).toEqual({
      headers: [digest],
      isRequired: false,
      types: [form, ...raw],
    });
  });

  it('imaginary: what it is called stands for the body; who asks by GET sends neither', () => {
    const [dialect] = one('imaginary');
    for (const path of ['/fit', '/pipeline', '/info'])
      expect(told(one('imaginary'), `${dialect?.mount}${path}`, 'post')).toEqual({
        headers: [['X-Proofsheet-Source', false], digest],
        isRequired: false,
        types: [form, ...raw],
      });
    const gets = Object.values(openApiDocument(one('imaginary'), SERVER).paths).flatMap(({ get }) => get ?? []);
    expect(gets.flatMap(({ parameters = [] }) => parameters).filter((each) => each.in === 'header')).toEqual([]);
  });

  it('a slot takes bytes, and no form, which it would keep as they are', () => {
    const [dialect] = one('mediagraph');
    expect(told(one('mediagraph'), `${dialect?.mount}/put/{slot}`, 'put')).toEqual({
      headers: [digest],
      isRequired: true,
      types: raw,
    });
  });
});

it('asks for no body of JSON where none is taken too', () => {
  const wrong = everyDialect().flatMap((dialect) => {
    const { paths } = openApiDocument([dialect], SERVER);
    const loose = dialect.routes.filter(({ isBodyLoose }) => isBodyLoose === true).map(({ name }) => name);
    return Object.values(paths)
      .flatMap((item) => Object.values(item))
      .filter(({ operationId, requestBody }) => loose.includes(operationId) && requestBody?.required === true);
  });
  expect(wrong.map(({ operationId }) => operationId)).toEqual([]);
});

it('says where the key of an organisation stands that is asked for in the body', () => {
  const micrio = everyDialect().filter(({ name }) => name === 'micrio');
  const { components, paths } = openApiDocument(micrio, SERVER);
  const calls = Object.values(paths).flatMap(({ post }) => post ?? []);
  expect(calls.map(({ description }) => description)).toEqual(calls.map(() => expect.stringContaining('`apiKey`')));
  expect(calls).toHaveLength(4);
  for (const name of ['MicrioAdd', 'MicrioStatus', 'MicrioFolderStatus', 'MicrioFolderCreate'])
    expect(components.schemas[name]).toMatchObject({
      properties: { apiKey: { description: expect.stringContaining('401') } },
    });
});

it('says of each failure what docs/API.md says', () => {
  const documented = tableBelow(readDocument('docs/API.md'), 'Errors').map(([, , name, when]) => [name, when]);
  const told = Object.entries({ ...ERROR_MEANINGS, ...PROTOCOL_ERROR_MEANINGS });
  expect(documented).toEqual(told.map(([name, when]) => [name, when.replaceAll('`', '')]));
});
