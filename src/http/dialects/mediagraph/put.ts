// PUT of the bytes of a slot, to the URL that was signed for it: raw, of any Content-Type, by whoever has the URL. Whatever can be refused
// is refused before a client that asks first (`Expect: 100-continue`) sends a byte.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { LinkQuery } from '../../../kernel/library/signed-link.js';
import { parseSlotName, type SlotRef } from '../../../kernel/library/upload.js';
import { queryValue } from '../../url-query.js';
import { type Route, route } from '../route.js';
import { OF_PUT } from './descriptions.js';
import { libraryOf } from './face.js';
import { MediagraphFailure, notFound } from './failures.js';

interface Asked {
  readonly slot: SlotRef | undefined;
  readonly name: string;
  readonly max: string;
  readonly query: LinkQuery;
}

export function putUpload(): Route {
  return route<Asked>({
    name: 'putUpload',
    verbs: ['PUT'],
    path: '/put/{slot}',
    opensTo: 'everybody',
    body: 'source',
    takesBytes: true,
    waits: true,
    effort: 'makes-anew',
    description: OF_PUT,
    parse: ({ segments: [name = ''], url }) => ({
      name,
      slot: parseSlotName(name),
      max: queryValue(url, 'max') ?? '',
      query: linkQueryOf(url),
    }),
    async run({ slot, name, max, query }, use, call) {
      const { links, uploads } = libraryOf(use);
      const judged = links.judge('upload', [name, max], query);
      if (judged !== 'right') throw badLink(judged);
      if (slot === undefined) throw notFound('upload');
      await uploads.checkSlot(slot);
      const upload = await call.receive(Number(max));
      await uploads.receive(slot, upload).catch((error: unknown) => {
        throw isOverQuota(error) ? new MediagraphFailure('forbidden', 'over_quota', error.message) : error;
      });
      return { kind: 'empty', headers: [['ETag', `"${upload.digest}"`]] };
    },
  });
}

/** A client comes again after 429; room is made by deleting, so that it would come in vain. */
function isOverQuota(error: unknown): error is ProofsheetError {
  return error instanceof ProofsheetError && error.code === 'over-quota';
}

export function linkQueryOf(url: string): LinkQuery {
  const [expires = '', kid = '', signature = ''] = ['expires', 'kid', 'signature'].map(
    (name) => queryValue(url, name) ?? '',
  );
  return { expires, kid, signature };
}

export function badLink(judged: 'wrong' | 'expired'): MediagraphFailure {
  return judged === 'expired'
    ? new MediagraphFailure('forbidden', 'expired', 'this signed URL has expired; ask for a new one')
    : new MediagraphFailure('forbidden', 'forbidden', 'expected a URL as it was signed, got another one');
}
