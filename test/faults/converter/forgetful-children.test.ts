// Tiles whose pixels a child told that it has are not sent to it again. One that has them no more, or lies, costs a message or its life,
// and no region is drawn of other tiles than its own.
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import { parseContext } from '../../../src/kernel/image-key.js';
import { Converting } from '../../support/converting.js';
import { until } from '../../support/gate.js';

const FORGETFUL = fileURLToPath(new URL('../../support/children/forgetful.mjs', import.meta.url));

let converting: Converting;
afterEach(() => converting.close());

/** What a region of these tiles is drawn as: a picture of `side` pixels. */
async function drawn(texts: readonly string[], side = 8): Promise<string | undefined> {
  const size = { widthPx: side, heightPx: side };
  const content = Buffer.from(texts.join(''));
  const tiles = texts.map((text, index) => ({
    ...{ leftPx: 8 * index, topPx: 0, widthPx: 8, heightPx: 8, bytes: text.length },
    digest: digestOf(Buffer.from(text)),
    start: texts.slice(0, index).join('').length,
  }));
  const shown = { region: { leftPx: 0, topPx: 0, ...size }, size, mirrored: false, rotation: 0 } as const;
  const { previews } = await converting.pool.convert({
    ...{ sourcePath: '', content, sourceBytes: content.length, formats: [], outputDir: converting.outputDir },
    ...{ priority: 'instant', context: parseContext(undefined) },
    zoom: { kind: 'region', canvas: size, tiles, drawn: { ...shown, quality: 'default', format: 'jpg' } },
  });
  return previews[0]?.content?.toString();
}

async function started(memoryBudgetBytes = 1024 * 1024): Promise<void> {
  converting = await Converting.start({ children: 1, childProgram: FORGETFUL, memoryBudgetBytes });
  await until(() => converting.pool.readyChildren === 1, 'the child is ready');
}

it('a child that has forgotten is sent all tiles, and goes on', async () => {
  await started();
  const [pid] = converting.pool.pids;
  expect(await drawn(['one ', 'two '])).toBe('one two ');
  expect(await drawn(['two ', 'three '])).toBe('two three ');
  expect(converting.pool.pids[0]).toBe(pid);
});

it('one that lacks what it was sent is ended, and so is the next; then regions are drawn', async () => {
  await started();
  await drawn(['one ']);
  await expect(drawn(['one ', 'liar '])).rejects.toMatchObject({ code: 'source-undecodable', uncertain: true });
  expect(converting.metrics.total('converter_exits_total', { reason: 'nonsense' })).toBe(2);
  expect(await drawn(['one '])).toBe('one ');
});

it('a region that takes more memory than there is is refused before a child hears of it, and the next is drawn', async () => {
  await started();
  await expect(drawn(['one '], 4_000)).rejects.toMatchObject({ code: 'source-limits-exceeded' });
  expect(await drawn(['two '])).toBe('two ');
});
