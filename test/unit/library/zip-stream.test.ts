// Whoever reads a ZIP may leave at any time: nothing that was opened for it stays open.
import { expect, it } from 'vitest';
import { type ZipEntry, zipOf } from '../../../src/library/zip-stream.js';
import { Gate, until } from '../../support/gate.js';

const PIECES = 40;
const PIECE_BYTES = 64 * 1024;

function entries(opened: { count: number }, gate = new Gate()): ZipEntry[] {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      for (let piece = 0; piece < PIECES; piece++) yield Buffer.alloc(PIECE_BYTES, piece);
    } finally {
      opened.count--;
    }
  }
  return ['a', 'b', 'c'].map((name) => ({
    ...{ name, bytes: PIECES * PIECE_BYTES, modifiedAt: 0 },
    async open() {
      await gate.pass();
      opened.count++;
      const iterator = pieces();
      // Begun, as a file that has been opened is.
      const first = await iterator.next();
      return (async function* () {
        try {
          yield first.value as Uint8Array;
          yield* iterator;
        } finally {
          await iterator.return(undefined);
        }
      })();
    },
  }));
}

it.each([1, 5, PIECES + 3])('its reader leaves after %s pieces', async (most) => {
  const opened = { count: 0 };
  const zip = await zipOf(entries(opened));
  let read = 0;
  for await (const _piece of zip.pieces) if (++read === most) break;
  expect(read).toBe(most);
  await until(() => opened.count === 0, 'all is closed');
});

it('its reader leaves while a file is being opened', async () => {
  const opened = { count: 0 };
  const gate = new Gate();
  gate.shut();
  let asked = 0;
  let closed = 0;
  const slow = entries(opened, gate).map((entry) => ({
    ...entry,
    async open() {
      asked++;
      const pieces = await entry.open();
      const iterator = pieces[Symbol.asyncIterator]();
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => iterator.next(),
          return: async () => {
            closed++;
            return { done: true as const, value: undefined };
          },
        }),
      };
    },
  }));
  const zip = await zipOf(slow);
  const reading = zip.pieces[Symbol.asyncIterator]();
  await reading.next();
  const waiting = reading.next();
  waiting.catch(() => undefined);
  await until(() => asked === 1, 'the first file is asked for');
  (zip.pieces as unknown as { destroy(): void }).destroy();
  gate.open();
  await until(() => closed === 1, 'what was opened for nobody is closed');
});
