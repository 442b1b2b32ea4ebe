// A child may say anything: only what has the outline of a message is one.
import { describe, expect, test } from 'vitest';
import { asFromChild } from '../../../src/convert/protocol.js';

const preview = {
  formats: ['auto:10x10'],
  type: 'jpg',
  widthPx: 10,
  heightPx: 10,
  bytes: 1,
  digest: 'ab'.repeat(32),
  path: '/x',
};
const counts = { decodes: { sequence: 1, again: 0 }, encodes: {} };

describe('messages of a child', () => {
  test.each([
    { kind: 'ready' },
    { kind: 'header', id: 1, sourceType: 'jpeg', costBytes: 100 },
    { kind: 'failed', id: 1, code: 'source-undecodable', message: 'no', detail: '', counts },
    {
      kind: 'done',
      id: 1,
      conversion: { info: {}, metadata: {}, previews: [preview], complete: true },
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
    [{ kind: 'done', id: 1, conversion: { info: {}, previews: [{}] }, counts }],
    [{ kind: 'done', id: 1, conversion: { info: {}, previews: [{ ...preview, digest: '../x' }] }, counts }],
    [{ kind: 'done', id: 1, conversion: { info: {}, previews: Array(1_001).fill(preview) }, counts }],
    [{ kind: 'header', id: 1, sourceType: 'jpeg', costBytes: -1 }],
    [{ kind: 'header', id: 1, sourceType: 'x', costBytes: 1 }],
    [{ kind: 'done', id: 1 }],
    [{ kind: 'failed', id: 1, code: 'x' }],
  ])('%j is nonsense', (message) => {
    expect(asFromChild(message)).toBeUndefined();
  });
});
