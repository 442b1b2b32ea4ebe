import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { ERROR_CODES, errorAnswer, PROTOCOL_ERRORS } from '../../../src/http/error-map.js';
import { ERROR_NAMES, ProofsheetError } from '../../../src/kernel/errors.js';

// The contract's table, written down once more: a change of the code's table is a change of the contract.
const CONTRACT = [
  [400, 4001],
  [400, 4002],
  [400, 4003],
  [400, 4004],
  [400, 4005],
  [401, 4010],
  [403, 4030],
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

it('strict answers all but 401 with 500, and the same body', () => {
  for (const name of ERROR_NAMES) {
    const error = new ProofsheetError(name, 'why');
    const [usual, strict] = [errorAnswer(error, false), errorAnswer(error, true)];
    expect(strict.status).toBe(name === 'unauthorized' ? 401 : 500);
    expect(strict.body).toBe(usual.body);
    expect(JSON.parse(strict.body)).toEqual({ code: ERROR_CODES[name].code, message: 'why' });
  }
});

it('what nobody foresaw is internal, and keeps its cause to itself', () => {
  const answer = errorAnswer(new TypeError('secret'), false);
  expect([answer.status, answer.code]).toEqual([500, 5000]);
  expect(answer.body).not.toContain('secret');
  expect(answer.error.cause).toBeInstanceOf(TypeError);
});

it('statuses of failures stand in one file', async () => {
  for (const file of ['app', 'auth', 'upload', 'uploads', 'upload-body', 'ops/clear', 'ops/keys', 'ops/metadata']) {
    const text = await readFile(new URL(`../../../src/http/${file}.ts`, import.meta.url), 'utf8');
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    expect(code).not.toMatch(/\b(?:4\d\d|5\d\d)\b/);
  }
});
