// getKeyCount and getKeys: how many image keys there are, and which; the list is streamed batch by batch.
import type { ImageKey } from '../../kernel/image-key.js';
import { narrowingContextOf } from '../parameters.js';
import type { Call, OperationContext } from './operation.js';

/** `GET /getKeyCount?context=` */
export async function getKeyCount(call: Call, { previews, send }: OperationContext): Promise<void> {
  const count = await previews.count(narrowingContextOf(call));
  await send.json(call.response, call.exchange, { count });
}

/** `GET /getKeys?context=` */
export async function getKeys(call: Call, { previews, send }: OperationContext): Promise<void> {
  const batches = previews.keys(narrowingContextOf(call));
  await send.stream(
    call.response,
    call.exchange,
    [
      ['Content-Type', 'application/json'],
      ['Cache-Control', 'no-store'],
      ['X-Content-Type-Options', 'nosniff'],
    ],
    keysJson(batches),
  );
}

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
