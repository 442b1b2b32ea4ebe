// getImage and cacheAndGetImage: the best preview of a group as plain image bytes.
import type { PreviewChoice } from '../../../previews/answers.js';
import { placeholderOf } from '../../../previews/group-metadata.js';
import type { PictureReply } from '../../replies/reply.js';
import { type Route, route } from '../route.js';
import { OF_PICTURE } from './descriptions.js';
import { type AskedPreview, failuresOfFormats, failuresOfReading, ofPreview, READING, UPLOADING } from './operation.js';
import type { PlaceholderName } from './parse.js';

/** `GET /getImage/{imageKey}/{requestFormat}` */
export function getImage(strictFormats: boolean): Route {
  return route<AskedPreview>({
    ...READING,
    name: 'getImage',
    path: '/getImage/{imageKey}/{requestFormat}',
    description: {
      summary: 'The stored preview that fits the request format best',
      details: 'Starts no conversion. `X-Proofsheet-Match` tells which preview answered, and why.',
      parameters: OF_PICTURE,
      answer: { kind: 'picture' },
      failures: failuresOfReading(strictFormats),
    },
    ...ofPreview(strictFormats),
    run: async ({ ref, format, placeholder }, { previews }) =>
      pictureReply(await previews.choose(ref, format), placeholder),
  });
}

/** `POST /cacheAndGetImage/{imageKey}/{requestFormat}` with an upload */
export function cacheAndGetImage(strictFormats: boolean): Route {
  return route<AskedPreview>({
    ...UPLOADING,
    name: 'cacheAndGetImage',
    path: '/cacheAndGetImage/{imageKey}/{requestFormat}',
    description: {
      summary: 'Makes the previews unless the key exists, and answers with one',
      details:
        'Answers as soon as its own preview is stored; the others follow. Where the key exists, the upload is ignored.',
      parameters: OF_PICTURE,
      answer: { kind: 'picture' },
      failures: failuresOfFormats(strictFormats),
    },
    ...ofPreview(strictFormats),
    async run({ ref, format, placeholder }, { previews }, call) {
      const upload = await call.receive();
      return pictureReply(await previews.cacheAndChoose(ref, format, upload), placeholder);
    },
  });
}

/** An answer with a placeholder is put together each time: who asks for one shows it while the picture is on its way. */
function pictureReply(choice: PreviewChoice, asked: PlaceholderName | undefined): PictureReply {
  const value = asked && placeholderOf(choice.entry.source)[asked];
  return {
    kind: 'picture',
    choice,
    ...(asked && { isForThisRequest: true }),
    ...(value !== undefined && { headers: [['X-Proofsheet-Placeholder', value]] as const }),
  };
}
