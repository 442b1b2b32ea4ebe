// getMetadata, getImageAndMetadata, cacheAndGetImageAndMetadata and cacheImage: what is known of a group, as JSON, beside
// its image, or only that it is stored.
import { ownPreviews } from '../../../kernel/source.js';
import type { GroupMetadata, PreviewChoice } from '../../../previews/answers.js';
import { groupMetadata, safeMetadata } from '../../../previews/group-metadata.js';
import { type BothReply, json } from '../../replies/reply.js';
import { type Call, type Route, route } from '../route.js';
import { DONE, METADATA, OF_KEY, OF_PREVIEW } from './descriptions.js';
import {
  type AskedGroup,
  type AskedPreview,
  failuresOfFormats,
  failuresOfReading,
  OF_GROUP,
  ofPreview,
  READING,
  UPLOADING,
} from './operation.js';

/** `GET /getMetadata/{imageKey}` */
export const getMetadata = route<AskedGroup>({
  ...READING,
  name: 'getMetadata',
  path: '/getMetadata/{imageKey}',
  description: {
    summary: 'What is known of an image, and which previews are stored',
    details: 'Groups of tags, labelled as the original does, and our own facts below `Proofsheet`.',
    parameters: OF_KEY,
    answer: { kind: 'json', schema: METADATA, isKept: true },
    failures: ['unknown-image-key'],
  },
  ...OF_GROUP,
  async run({ ref }, { previews }, call) {
    return { kind: 'json', text: metadataJson(await previews.metadata(ref), call), isKept: true };
  },
});

/** `GET /getImageAndMetadata/{imageKey}/{requestFormat}` */
export function getImageAndMetadata(strictFormats: boolean): Route {
  return route<AskedPreview>({
    ...READING,
    name: 'getImageAndMetadata',
    path: '/getImageAndMetadata/{imageKey}/{requestFormat}',
    description: {
      summary: 'The preview that fits best, and the metadata, in one answer',
      parameters: OF_PREVIEW,
      answer: { kind: 'both', metadata: METADATA },
      failures: failuresOfReading(strictFormats),
    },
    ...ofPreview(strictFormats),
    run: async ({ ref, format }, { previews }, call) => both(await previews.choose(ref, format), call),
  });
}

/** `POST /cacheAndGetImageAndMetadata/{imageKey}/{requestFormat}` with an upload */
export function cacheAndGetImageAndMetadata(strictFormats: boolean): Route {
  return route<AskedPreview>({
    ...UPLOADING,
    name: 'cacheAndGetImageAndMetadata',
    path: '/cacheAndGetImageAndMetadata/{imageKey}/{requestFormat}',
    description: {
      summary: 'As cacheAndGetImage, with the metadata in the same answer',
      parameters: OF_PREVIEW,
      isUploadOptional: true,
      answer: { kind: 'both', metadata: METADATA },
      failures: failuresOfFormats(strictFormats),
    },
    ...ofPreview(strictFormats),
    async run({ ref, format }, { previews }, call) {
      const atHand = call.isWaiting() ? await previews.atHand(ref, format) : undefined;
      return both(atHand ?? (await previews.cacheAndChoose(ref, format, await call.receive())), call);
    },
  });
}

/** `POST /cacheImage/{imageKey}` with an upload */
export const cacheImage = route<AskedGroup>({
  ...UPLOADING,
  name: 'cacheImage',
  path: '/cacheImage/{imageKey}',
  description: {
    summary: 'Makes all previews of a source, and overwrites the key',
    details:
      'Answers once every preview of the sequence is stored. `Content-Digest` without a body stores a source under another key ' +
      'whose bytes are known in the context; where they are not, the answer is 4003, and they have to be sent; of what was taken down it is 4031 at once, unless ' +
      'contexts share nothing.',
    parameters: OF_KEY,
    isUploadOptional: true,
    answer: { kind: 'json', schema: DONE },
  },
  effort: 'makes-anew',
  ...OF_GROUP,
  async run({ ref }, { previews }, call) {
    const named = call.namedSource();
    const known = named && (await previews.cacheKnown(ref, named));
    const { source } = known ?? (await previews.cache(ref, await call.receive()));
    const count = ownPreviews(source).length;
    return json({ code: 0, message: `cached ${count} ${count === 1 ? 'preview' : 'previews'}` });
  },
});

/** Metadata comes from the very entry the preview was chosen from: the two parts cannot tell of different uploads. */
function both(choice: PreviewChoice, call: Call): BothReply {
  return { kind: 'both', choice, metadata: ({ entry }) => metadataJson(groupMetadata(entry), call) };
}

function metadataJson(metadata: GroupMetadata, call: Call): string {
  const { groups, proofsheet } = call.seesPrivateTags() ? metadata : safeMetadata(metadata);
  return JSON.stringify({ ...groups, Proofsheet: proofsheet });
}
