// clearImages and clearImagesByKey: protected, and successful also when there was nothing to remove.
import type { Context, ImageKey } from '../../../kernel/image-key.js';
import type { Selection } from '../../../kernel/ports/catalog.js';
import type { Previews } from '../../../previews/answers.js';
import { type JsonReply, json } from '../../replies/reply.js';
import { route } from '../route.js';
import { DONE, IMAGE_KEY, NARROWING_CONTEXT } from './descriptions.js';
import { type AskedContext, CLEARING, OF_CONTEXT } from './operation.js';
import { checkSegments, imageKeyOf, narrowingContextOf } from './parse.js';

/** `DELETE /clearImages?context=` */
export const clearImages = route<AskedContext>({
  ...CLEARING,
  name: 'clearImages',
  path: '/clearImages',
  description: {
    summary: 'Forgets every image, or those of one context',
    parameters: [NARROWING_CONTEXT],
    answer: { kind: 'json', schema: DONE },
  },
  ...OF_CONTEXT,
  run: ({ context }, { previews }) => clear(previews, context === undefined ? {} : { context }),
});

/** `DELETE /clearImagesByKey/{imageKey}?context=` */
export const clearImagesByKey = route<{ readonly imageKey: ImageKey; readonly context: Context | undefined }>({
  ...CLEARING,
  name: 'clearImagesByKey',
  path: '/clearImagesByKey/{imageKey}',
  description: {
    summary: 'Forgets one image key, in all contexts or in one',
    details: 'A key that is not there is no failure: nothing is removed.',
    parameters: [IMAGE_KEY, NARROWING_CONTEXT],
    answer: { kind: 'json', schema: DONE },
  },
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
