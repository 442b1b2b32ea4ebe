// Pictures on demand of two nodes over one Redis: the same picture, asked of both at once, is drawn once, and kept for both.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { image, photo } from '../../support/images.js';
import { Nodes } from '../../support/nodes.js';
import { type RedisServers, startStandalone } from '../../support/redis-servers.js';

let redis: RedisServers;
let nodes: Nodes;
beforeAll(async () => {
  redis = await startStandalone();
  nodes = await Nodes.start(redis.url, 2, { PROOFSHEET_DIALECTS: 'image-converter,imaginary' });
});
afterAll(async () => {
  await nodes?.stop();
  await redis?.stop();
});

test('what both are asked for at the same time is drawn by one of them', async () => {
  const jpeg = new Uint8Array(
    await image(await photo(1200, 900, 4))
      .jpeg()
      .toBuffer(),
  );
  const ask = async (at: number) => {
    const url = `${nodes.at(at).origin}/imaginary/fit?width=700&height=700`;
    const answer = await fetch(url, { method: 'POST', body: jpeg });
    await answer.arrayBuffer();
    return [answer.status, answer.headers.get('image-width'), answer.headers.get('etag')];
  };
  const answers = await Promise.all([0, 1, 0, 1, 0, 1].map(ask));
  const [first] = answers;
  expect(first?.slice(0, 2)).toEqual([200, '700']);
  expect(answers.every((answer) => answer.join() === first?.join())).toBe(true);
  expect(await nodes.sum('proofsheet_decodes_total')).toBe(1);
  expect(await Promise.all([0, 1].map(ask))).toEqual([first, first]);
  expect(await nodes.sum('proofsheet_decodes_total')).toBe(1);
});
