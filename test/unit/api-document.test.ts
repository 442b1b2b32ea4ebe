// docs/API.md says what the code says: operations, formats and errors; and the commands of all documents ask as it does.
import { describe, expect, it } from 'vitest';
import { OPERATION_NAMES, operationsOf } from '../../src/http/dialects/image-converter/operations.js';
import { ERROR_CODES, PROTOCOL_ERRORS } from '../../src/http/replies/error-map.js';
import { parseFormat, SCALE_TYPES } from '../../src/kernel/format.js';
import { geometryOf } from '../../src/kernel/sizes.js';
import { commandsOf, DOCUMENTS, readDocument, tableBelow } from '../support/documents.js';

const text = readDocument('docs/API.md');
const OPERATIONS = operationsOf({ strictFormats: false });

/** Those of every document, so that none shows an operation in a way it is not. */
const commands = DOCUMENTS.flatMap((path) => commandsOf(readDocument(path)));

describe('docs/API.md', () => {
  it('lists every error with its status, code and name, and no other', () => {
    const documented = tableBelow(text, 'Errors').map(([status, code, name]) => `${status} ${code} ${name}`);
    const coded = Object.entries({ ...ERROR_CODES, ...PROTOCOL_ERRORS }).map(
      ([name, { status, code }]) => `${status} ${code} ${name}`,
    );
    expect(documented).toEqual(coded);
    for (const [, , , when = ''] of tableBelow(text, 'Errors')) expect(when.length).toBeGreaterThan(5);
  });

  it('lists every operation with its path, its verbs and whether it is protected', () => {
    const documented = tableBelow(text, 'Every operation').map(([path, verbs, auth]) => ({ path, verbs, auth }));
    const registered = OPERATION_NAMES.map((name) => ({
      path: OPERATIONS[name].path.slice(1),
      verbs: OPERATIONS[name].verbs.join(', '),
      auth: OPERATIONS[name].opensTo === 'admin' ? 'admin' : '',
    }));
    expect(documented).toEqual(registered);
  });

  it.each(OPERATION_NAMES)('shows a curl line for %s, with its verb, its path and its credentials', (name) => {
    const { body, opensTo, path: template } = OPERATIONS[name];
    const segments = template.split('/').slice(2);
    const lines = commands.filter((line) => new RegExp(`^curl .*\\$B/${name}(?![A-Za-z])`).test(line));
    expect(commandsOf(text).filter((line) => lines.includes(line))).not.toEqual([]);
    // As a form, as it is, or by its digest alone.
    const takesSource = / (?:-F|-T|--data-binary) |"Content-Digest:/;
    expect(lines.some((line) => line.includes('-F '))).toBe(body === 'source');
    for (const line of lines) {
      expect(takesSource.test(line)).toBe(body === 'source');
      expect(line.includes('-u admin:')).toBe(opensTo === 'admin');
      expect(line.includes('-X DELETE')).toBe(name.startsWith('clear'));
      const path = new RegExp(`\\$B/${name}((?:/[^ ?"/]+)*)`).exec(line)?.[1] ?? '';
      const [imageKey, format] = path.split('/').slice(1);
      expect(path.split('/').length - 1).toBe(segments.length);
      if (segments[0] === '{imageKey}') expect(imageKey).toMatch(/^(photo|screenshot)$/);
      if (format !== undefined) expect(parseFormat(format).widthPx).toBeGreaterThan(0);
    }
  });

  it('shows a curl line for each probe at the root', () => {
    for (const probe of ['metrics', 'healthz', 'readyz'])
      expect(commandsOf(text)).toContain(`curl http://127.0.0.1:8005/${probe}`);
  });

  it('gives the sizes of the scale types as the geometry has them', () => {
    const rows = tableBelow(text, 'Formats').map(([names = '', size]) => [names.split(' ')[0] ?? '', size] as const);
    expect(rows.map(([name]) => name)).toEqual([...SCALE_TYPES]);
    for (const [name, size] of rows) {
      const geometry = geometryOf({ widthPx: 640, heightPx: 480 }, parseFormat(`200x200~${name}`)).size;
      expect(`${geometry.widthPx}x${geometry.heightPx}`).toBe(size);
    }
  });
});
