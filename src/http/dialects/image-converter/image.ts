// getImage and cacheAndGetImage: the best preview of a group as plain image bytes.
import { type Route, route } from '../route.js';
import { OF_PREVIEW } from './descriptions.js';
import { type AskedPreview, failuresOfFormats, failuresOfReading, ofPreview, READING, UPLOADING } from './operation.js';

/** `GET /getImage/{imageKey}/{requestFormat}` */
export function getImage(strictFormats: boolean): Route {
  return route<AskedPreview>({
    ...READING,
    name: 'getImage',
    path: '/getImage/{imageKey}/{requestFormat}',
    description: {
      summary: 'The stored preview that fits the request format best',
      details: 'Starts no conversion. `X-Proofsheet-Match` tells which preview answered, and why.',
      parameters: OF_PREVIEW,
      answer: { kind: 'picture' },
      failures: failuresOfReading(strictFormats),
    },
    ...ofPreview(strictFormats),
    run: async ({ ref, format }, { previews }) => ({ kind: 'picture', choice: await previews.choose(ref, format) }),
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
      parameters: OF_PREVIEW,
      answer: { kind: 'picture' },
      failures: failuresOfFormats(strictFormats),
    },
    ...ofPreview(strictFormats),
    async run({ ref, format }, { previews }, call) {
      const upload = await call.receive();
      return { kind: 'picture', choice: await previews.cacheAndChoose(ref, format, upload) };
    },
  });
}
