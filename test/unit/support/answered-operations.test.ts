// What a run of all API tests has met of the documents' operations, and that nothing is said of a run that was not of all.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { noteMet, unanswered } from '../../support/answered-operations.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const FILES = ['api/a.test.ts', 'api/b.test.ts'];
const OPERATIONS = ['getKeys', 'getImage', 'clearImages'];

let dir: TempDir;
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(() => dir.remove());

const told = (ran = FILES) => unanswered(new Set(ran), FILES, dir.path);

it('names what no file has had answered well', () => {
  noteMet('api/a.test.ts', { documented: OPERATIONS, answered: ['getImage'] }, dir.path);
  noteMet('api/b.test.ts', { documented: ['getImage'], answered: ['getImage'] }, dir.path);
  expect(told()).toEqual(['clearImages', 'getKeys']);
});

it('names none where each was answered by one of them', () => {
  noteMet('api/a.test.ts', { documented: OPERATIONS, answered: ['getImage', 'getKeys'] }, dir.path);
  noteMet('api/b.test.ts', { documented: OPERATIONS, answered: ['clearImages'] }, dir.path);
  expect(told()).toEqual([]);
});

it('says nothing of a run of some files, or of one whose files noted nothing', () => {
  expect(told()).toEqual([]);
  noteMet('api/a.test.ts', { documented: OPERATIONS, answered: [] }, dir.path);
  expect(told()).toEqual([]);
  noteMet('api/b.test.ts', { documented: [], answered: [] }, dir.path);
  expect(told(['api/a.test.ts'])).toEqual([]);
  expect(told()).toEqual(['clearImages', 'getImage', 'getKeys']);
});
