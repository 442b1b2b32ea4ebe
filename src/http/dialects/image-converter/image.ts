// getImage and cacheAndGetImage: the best preview of a group as plain image bytes.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { ExactPolicy } from '../../../kernel/exact.js';
import { acceptedTypes } from '../../../kernel/negotiation.js';
import type { PreviewChoice } from '../../../previews/answers.js';
import { isFirstAlone, placeholderOf } from '../../../previews/group-metadata.js';
import type { PictureReply } from '../../replies/reply.js';
import { type Route, route, type UseCases } from '../route.js';
import { OF_PICTURE } from './descriptions.js';
import { type AskedPicture, failuresOfExact, ofPicture, READING, UPLOADING } from './operation.js';
import type { PlaceholderName } from './parse.js';

/** `GET /getImage/{imageKey}/{requestFormat}` */
export function getImage(strictFormats: boolean, exact: ExactPolicy): Route {
  return route<AskedPicture>({
    ...READING,
    name: 'getImage',
    path: '/getImage/{imageKey}/{requestFormat}',
    description: {
      summary: 'The stored preview that fits the request format best',
      details:
        'Starts no conversion, but with `match=exact`. `X-Proofsheet-Match` tells which preview answered, and why.',
      parameters: OF_PICTURE,
      answer: { kind: 'picture' },
      failures: failuresOfExact('unknown-image-key'),
    },
    ...ofPicture(strictFormats, exact),
    async run({ ref, format, placeholder, isExact, accept }, use) {
      const choice = await (isExact ? exactOf(use) : use.previews).choose(ref, format);
      return negotiated(pictureReply(choice, placeholder), accept, use);
    },
  });
}

/** `POST /cacheAndGetImage/{imageKey}/{requestFormat}` with an upload */
export function cacheAndGetImage(strictFormats: boolean, exact: ExactPolicy): Route {
  return route<AskedPicture>({
    ...UPLOADING,
    name: 'cacheAndGetImage',
    path: '/cacheAndGetImage/{imageKey}/{requestFormat}',
    description: {
      summary: 'Makes the previews unless the key exists, and answers with one',
      details:
        'Answers as soon as its own preview is stored; the others follow. Where the key exists, the upload is ignored, and where it was ' +
        'announced by `Expect: 100-continue`, it is not even asked for.',
      parameters: OF_PICTURE,
      isUploadOptional: true,
      answer: { kind: 'picture' },
      failures: failuresOfExact(),
    },
    ...ofPicture(strictFormats, exact),
    async run({ ref, format, placeholder, isExact }, use, call) {
      const pictures = isExact ? exactOf(use) : use.previews;
      const atHand = call.isWaiting() ? await pictures.atHand(ref, format) : undefined;
      return pictureReply(atHand ?? (await pictures.cacheAndChoose(ref, format, await call.receive())), placeholder);
    },
  });
}

/** By what the client takes, where the request leaves the type open and clients are told apart. */
async function negotiated(reply: PictureReply, accept: string | undefined, use: UseCases): Promise<PictureReply> {
  const { variants } = use;
  if (variants === undefined) return reply;
  const accepted = acceptedTypes(accept, variants.types);
  const found = await variants.smallest(reply.choice, accepted);
  if (found === undefined) return reply;
  return {
    ...reply,
    choice: found.choice,
    headers: [...(reply.headers ?? []), ['Vary', 'Accept']],
    acceptClass: accepted.join(','),
    isForThisRequest: reply.isForThisRequest === true || !found.isSettled,
  };
}

function exactOf({ exact }: UseCases): NonNullable<UseCases['exact']> {
  if (exact !== undefined) return exact;
  throw new ProofsheetError('unsupported-request', 'nothing is drawn on demand here');
}

/** An answer with a placeholder is put together each time: who asks for one shows it while the picture is on its way. */
function pictureReply(choice: PreviewChoice, asked: PlaceholderName | undefined): PictureReply {
  const value = asked && placeholderOf(choice.entry.source)[asked];
  return {
    kind: 'picture',
    choice,
    ...(asked && { isForThisRequest: true }),
    headers: [
      ...(isFirstAlone(choice.entry.source) ? ([['X-Proofsheet-Shown', 'first']] as const) : []),
      ...(value === undefined ? [] : ([['X-Proofsheet-Placeholder', value]] as const)),
    ],
  };
}
