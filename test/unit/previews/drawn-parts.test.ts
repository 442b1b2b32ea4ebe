// Regions under way are shared: neither one client nor one context takes every place.
import { expect, it } from 'vitest';
import type { Context } from '../../../src/kernel/image-key.js';
import { DrawnParts, type DrawnPartsDeps, type Wanted } from '../../../src/previews/zoom/drawn-parts.js';
import { Gate } from '../../support/gate.js';
import { blobOf } from '../../support/records.js';

const { digest: source } = blobOf('source');

function bench() {
  const gate = new Gate();
  gate.shut();
  const convert = async () => {
    await gate.pass();
    const content = Buffer.from('picture');
    return { previews: [{ type: 'jpg', widthPx: 1, heightPx: 1, bytes: content.length, digest: source, content }] };
  };
  const deps = { converter: { convert }, blobs: { keepInMemory: () => undefined }, background: { run: () => true } };
  const parts = new DrawnParts({ ...deps, tmpDir: '' } as unknown as DrawnPartsDeps);
  let asked = 0;
  const ask = async (client: string | undefined, context: string, name = String(asked++)): Promise<string> => {
    const task = { kind: 'region' } as never;
    const prepare = async () => ({ task, bytes: Buffer.alloc(1) });
    const of: Wanted = { source, name, context: context as Context, isPassing: false, prepare };
    return parts.of({ ...of, ...(client && { client }) }).then(
      () => 'drawn',
      (error: { code: string }) => error.code,
    );
  };
  /** How many of them are drawn: the gate opens once all have asked. */
  const drawn = async (...asks: readonly Promise<string>[]): Promise<number> => {
    gate.open();
    const outcomes = await Promise.all(asks);
    expect(outcomes.filter((outcome) => outcome !== 'drawn' && outcome !== 'overloaded')).toEqual([]);
    return outcomes.filter((outcome) => outcome === 'drawn').length;
  };
  return {
    ask,
    drawn,
    many: (count: number, client: string, context: string) => Array.from({ length: count }, () => ask(client, context)),
  };
}

it('one client leaves places to another of the same context', async () => {
  const { drawn, many } = bench();
  const greedy = many(20, 'a', 'one');
  const other = many(1, 'b', 'one');
  expect(await drawn(...other)).toBe(1);
  expect(await drawn(...greedy)).toBe(6);
});

it('many clients of one context leave places to another context', async () => {
  const { ask, drawn } = bench();
  const greedy = Array.from({ length: 20 }, (_, client) => ask(`a${client}`, 'one'));
  const other = ask('b', 'two');
  expect(await drawn(other)).toBe(1);
  expect(await drawn(...greedy)).toBe(9);
});

it('all places are taken together, and none beyond; who joins takes none', async () => {
  const { ask, drawn } = bench();
  const all = Array.from({ length: 40 }, (_, each) => ask(`c${each}`, `context ${each}`));
  const joined = Array.from({ length: 5 }, () => ask('c0', 'context 0', '0'));
  expect(await drawn(...joined)).toBe(5);
  expect(await drawn(...all)).toBe(12);
});
