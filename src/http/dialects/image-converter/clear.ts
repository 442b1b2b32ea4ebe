// clearImages and clearImagesByKey: protected, and successful also when there was nothing to remove.
import type { Context, ImageKey } from '../../../kernel/image-key.js';
import type { Selection } from '../../../kernel/ports/catalog.js';
import type { Previews } from '../../../previews/answers.js';
import { type JsonReply, json } from '../../replies/reply.js';
import { route } from '../route.js';
import { type AskedContext, CLEARING, OF_CONTEXT } from './operation.js';
import { checkSegments, imageKeyOf, narrowingContextOf } from './parse.js';

/** `DELETE /clearImages?context=` */
export const clearImages = route<AskedContext>({
  ...CLEARING,
  name: 'clearImages',
  path: '/clearImages',
  ...OF_CONTEXT,
  run: ({ context }, { previews }) => clear(previews, context === undefined ? {} : { context }),
});

/** `DELETE /clearImagesByKey/{imageKey}?context=` */
export const clearImagesByKey = route<{ readonly imageKey: ImageKey; readonly context: Context | undefined }>({
  ...CLEARING,
  name: 'clearImagesByKey',
  path: '/clearImagesByKey/{imageKey}',
  parse(target) {
    checkSegments(target, ['imageKey']);
    return { imageKey: imageKeyOf(target), context: narrowingContextOf(target) };
  },
  run: ({ imageKey, context }, { previews }) =>
    clear(previews, context === undefined ? { imageKey } : { imageKey, context }),
});

async function clear(previews: Previews, selection: Selection): Promise<JsonReply> {
  const removed = await previews.clear(selection);
  return json({ code: 0, message: `removed ${removed} image ${removed === 1 ? 'group' : 'groups'}` });
}
