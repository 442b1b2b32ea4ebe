// A child may say anything: only what has the outline of a message is one.
import { describe, expect, test } from 'vitest';
import { asFromChild } from '../../../src/convert/protocol.js';

const counts = { decodes: { sequence: 1, wanted: 0 }, encodes: {} };

describe('messages of a child', () => {
  test.each([
    { kind: 'ready' },
    { kind: 'header', id: 1, sourceType: 'jpeg', costBytes: 100 },
    { kind: 'failed', id: 1, code: 'source-undecodable', message: 'no', detail: '', counts },
    {
      kind: 'done',
      id: 1,
      conversion: { info: {}, metadata: {}, previews: [{}], complete: true },
      counts,
      rssBytes: 1,
    },
  ])('$kind is taken', (message) => {
    expect(asFromChild(message)).toBe(message);
  });

  test.each([
    [undefined],
    [null],
    ['ready'],
    [{}],
    [{ kind: 'constructor' }],
    [{ kind: 'header', id: 1, sourceType: 'jpeg', costBytes: Number.NaN }],
    [{ kind: 'header', id: 'x', sourceType: 'jpeg', costBytes: 1 }],
    [{ kind: 'done', id: 1, conversion: { info: {}, previews: [] }, counts }],
    [{ kind: 'done', id: 1 }],
    [{ kind: 'failed', id: 1, code: 'x' }],
  ])('%j is nonsense', (message) => {
    expect(asFromChild(message)).toBeUndefined();
  });
});
