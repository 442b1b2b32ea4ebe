// The drawing of a contact sheet: where each cell stands, and what stands in it.
import { expect, it } from 'vitest';
import { contactSheet, sheetSize } from '../../../src/kernel/contact-sheet.js';

const LAYOUT = { columns: 2, cellWidthPx: 100, cellHeightPx: 50 };

it.each([
  [1, { widthPx: 116, heightPx: 66 }],
  [2, { widthPx: 224, heightPx: 66 }],
  [3, { widthPx: 224, heightPx: 124 }],
])('of %i cells in two columns has room for them and the gaps between', (cells, size) => {
  expect(sheetSize(cells, LAYOUT)).toEqual(size);
});

it('puts pictures from left to right, and leaves frames for those that are not there or cannot stand in it', () => {
  const bytes = Buffer.from('bytes');
  const text = contactSheet(
    [{ type: 'jpg', bytes }, undefined, { type: 'png', bytes }, { type: 'avif', bytes }],
    LAYOUT,
  );
  const cells = [...text.matchAll(/<(image|rect) x="(\d+)" y="(\d+)" width="100" height="50"/g)].map(([, ...at]) => at);
  expect(cells).toEqual([
    ['image', '8', '8'],
    ['rect', '116', '8'],
    ['image', '8', '66'],
    ['rect', '116', '66'],
  ]);
  expect([...text.matchAll(/href="([^"]*)"/g)].map(([, href]) => href)).toEqual([
    'data:image/jpeg;base64,Ynl0ZXM=',
    'data:image/png;base64,Ynl0ZXM=',
  ]);
});
