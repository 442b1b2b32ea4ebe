// getImage and cacheAndGetImage: the best preview of a group as plain image bytes.
import { type Route, route } from '../route.js';
import { type AskedPreview, ofPreview, READING, UPLOADING } from './operation.js';

/** `GET /getImage/{imageKey}/{requestFormat}` */
export function getImage(strictFormats: boolean): Route {
  return route<AskedPreview>({
    ...READING,
    name: 'getImage',
    path: '/getImage/{imageKey}/{requestFormat}',
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
    ...ofPreview(strictFormats),
    async run({ ref, format }, { previews }, call) {
      const upload = await call.receive();
      return { kind: 'picture', choice: await previews.cacheAndChoose(ref, format, upload) };
    },
  });
}
