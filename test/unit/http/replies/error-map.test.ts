import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { dialectsOf } from '../../../../src/http/dialects/registry.js';
import { ERROR_CODES, failureOf, PROTOCOL_ERRORS, plainFailure } from '../../../../src/http/replies/error-map.js';
import { ERROR_NAMES, ProofsheetError } from '../../../../src/kernel/errors.js';

// The contract's table, written down once more: a change of the code's table is a change of the contract.
const CONTRACT = [
  [400, 4001],
  [400, 4002],
  [400, 4003],
  [400, 4004],
  [400, 4005],
  [401, 4010],
  [403, 4030],
  [403, 4031],
  [404, 4040],
  [404, 4041],
  [405, 4050],
  [408, 4080],
  [413, 4130],
  [413, 4131],
  [415, 4150],
  [422, 4220],
  [429, 4290],
  [500, 5000],
  [501, 5010],
  [503, 5030],
  [503, 5031],
  [504, 5040],
  [507, 5070],
];

it('the table is the contract, and every code begins with its status', () => {
  expect(Object.values(ERROR_CODES).map(({ status, code }) => [status, code])).toEqual(CONTRACT);
  for (const { status, code } of [...Object.values(ERROR_CODES), ...Object.values(PROTOCOL_ERRORS)])
    expect(Math.floor(code / 10)).toBe(status);
});

it('strict answers all but 401 of an operation with 500, and the same body', () => {
  const [dialect] = dialectsOf({ basePath: '/a', strictErrors: true, strictFormats: false });
  for (const name of ERROR_NAMES) {
    const failure = failureOf(new ProofsheetError(name, 'why'));
    const [usual, strict] = [plainFailure(failure), dialect.renderFailure(failure, 'getImage')];
    expect(dialect.renderFailure(failure, undefined)).toEqual(usual);
    expect(strict.status).toBe(name === 'unauthorized' ? 401 : 500);
    expect(strict.body).toBe(usual.body);
    expect(JSON.parse(strict.body)).toEqual({ code: ERROR_CODES[name].code, message: 'why' });
  }
});

it('what nobody foresaw is internal, and keeps its cause to itself', () => {
  const failure = failureOf(new TypeError('secret'));
  expect([failure.status, failure.code]).toEqual([500, 5000]);
  expect(plainFailure(failure).body).not.toContain('secret');
  expect(failure.error.cause).toBeInstanceOf(TypeError);
});

const FAILURES: ReadonlySet<number> = new Set(
  [...Object.values(ERROR_CODES), ...Object.values(PROTOCOL_ERRORS)].map(({ status }) => status),
);

/** Files that may name a status of failure, and which: what they say is no failure of an operation. */
const EXCEPTIONS: Readonly<Record<string, readonly number[]>> = {
  'error-map.ts': [...FAILURES],
  // A client that left is counted and logged with a status that is never sent.
  'exchange-log.ts': [499],
  // Not ready is the truth about a server, and no failure of the request.
  'probes.ts': [503],
  // Whether a range can be answered is decided with the other conditions; what is sent then is the map's.
  'image-response.ts': [416],
  'original-response.ts': [416],
  // What the documents of a dialect say of its own refusals.
  'mediagraph/descriptions.ts': [422],
  // imaginary's own statuses: the range that its errors may have, and what it says where ours would be another.
  'imaginary/remote.ts': [400, 503],
  'imaginary/signature.ts': [403],
};

/** Statuses of failure that the code of a file answers with, beside those that it may. */
function strayStatuses(path: string, text: string): string[] {
  const code = text
    .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    .replace(/(['"`]).*?\1/g, "''")
    // Times and sizes have names that say so, and to compare with a status is not to answer with it.
    .replace(/font-weight:\d+/g, '')
    .replace(/\b\w+_(?:MS|BYTES|CHARACTERS) = [\d_]+/g, '')
    .replace(/(?:[<>!=]=*|\bcase) \d{3}\b/g, '');
  const names = [path.split('/').at(-1) ?? '', path.replace(/^dialects\//, '')];
  const allowed = names.flatMap((name) => EXCEPTIONS[name] ?? []);
  return [...code.matchAll(/(?<![\w.])\d{3}(?![\w.])/g)]
    .map(([status]) => Number(status))
    .filter((status) => (FAILURES.has(status) || status === 499) && !allowed.includes(status))
    .map((status) => `${path} says ${status}`);
}

it('statuses of failures stand in one file', async () => {
  const root = new URL('../../../../src/http/', import.meta.url);
  const paths = (await readdir(root, { recursive: true })).filter((path) => path.endsWith('.ts'));
  expect(paths.length).toBeGreaterThan(40);
  const texts = await Promise.all(paths.map((path) => readFile(new URL(path, root), 'utf8')));
  const found = paths.flatMap((path, at) => strayStatuses(path, texts[at] ?? ''));
  expect(found).toEqual([]);
  const guilty = "const LONG_MS = 500;\nif (status === 400) return 404; // 500\nx('503'); y = 4_000;";
  expect(strayStatuses('wire/answer.ts', guilty)).toEqual(['wire/answer.ts says 404']);
});
