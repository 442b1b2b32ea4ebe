// clearImages and clearImagesByKey: protected, and successful also when there was nothing to remove.
import type { Selection } from '../../kernel/ports.js';
import { imageKeyOf, narrowingContextOf } from '../parameters.js';
import type { Call, OperationContext } from './operation.js';

/** `DELETE /clearImages?context=` */
export async function clearImages(call: Call, context: OperationContext): Promise<void> {
  const narrowed = narrowingContextOf(call);
  await clear(call, context, narrowed === undefined ? {} : { context: narrowed });
}

/** `DELETE /clearImagesByKey/{imageKey}?context=` */
export async function clearImagesByKey(call: Call, context: OperationContext): Promise<void> {
  const imageKey = imageKeyOf(call);
  const narrowed = narrowingContextOf(call);
  await clear(call, context, narrowed === undefined ? { imageKey } : { imageKey, context: narrowed });
}

async function clear(
  { response, exchange }: Call,
  { previews, send }: OperationContext,
  selection: Selection,
): Promise<void> {
  const removed = await previews.clear(selection);
  await send.json(response, exchange, {
    code: 0,
    message: `removed ${removed} image ${removed === 1 ? 'group' : 'groups'}`,
  });
}
