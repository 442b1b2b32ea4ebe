// getKeyCount and getKeys: how many image keys there are, and which; the list is streamed batch by batch.
import type { ImageKey } from '../../../kernel/image-key.js';
import { json } from '../../replies/reply.js';
import { route } from '../route.js';
import { KEY_COUNT, KEYS, NARROWING_CONTEXT } from './descriptions.js';
import { type AskedContext, LISTING, OF_CONTEXT, READING } from './operation.js';

/** `GET /getKeyCount?context=` */
export const getKeyCount = route<AskedContext>({
  ...READING,
  name: 'getKeyCount',
  path: '/getKeyCount',
  opensTo: 'token',
  description: {
    summary: 'How many image keys there are',
    parameters: [NARROWING_CONTEXT],
    answer: { kind: 'json', schema: KEY_COUNT },
  },
  ...OF_CONTEXT,
  run: async ({ context }, { previews }) => json({ count: await previews.count(context) }),
});

/** `GET /getKeys?context=` */
export const getKeys = route<AskedContext>({
  ...LISTING,
  name: 'getKeys',
  path: '/getKeys',
  description: {
    summary: 'All image keys, streamed',
    parameters: [NARROWING_CONTEXT],
    answer: { kind: 'listing', schema: KEYS },
  },
  ...OF_CONTEXT,
  run: async ({ context }, { previews }) => ({ kind: 'listing', pieces: keysJson(previews.keys(context)) }),
});

/** `{"keys":[...]}` in as many pieces as there are batches; never more than one batch in memory. */
export async function* keysJson(batches: AsyncIterable<readonly ImageKey[]>): AsyncGenerator<string, void, undefined> {
  let separator = '';
  let opening = '{"keys":[';
  for await (const batch of batches) {
    if (batch.length === 0) continue;
    const keys = batch.map((key) => JSON.stringify(key)).join(',');
    yield `${opening}${separator}${keys}`;
    opening = '';
    separator = ',';
  }
  yield `${opening}]}`;
}
