// ZoomHub's uploads: a URL that is signed for one file, and the form that brings it there, as browsers post one to a bucket. Nothing is
// kept of a URL that nobody uses; who comes again with the same one is led to what is there.
import { ProofsheetError } from '../../../kernel/errors.js';
import { newAssetId, parseAssetId } from '../../../kernel/library/ids.js';
import type { LinkQuery } from '../../../kernel/library/signed-link.js';
import type { Reply } from '../../replies/reply.js';
import { queryValue } from '../../url-query.js';
import { type Route, route } from '../route.js';
import { READING, type ZoomHubSettings } from './api-routes.js';
import { Contents, closed } from './contents.js';
import { OF_UPLOAD, OF_UPLOADED } from './descriptions.js';
import { emailIn, missingEmail } from './email.js';
import { JSON_TYPE } from './jsonp.js';
import { baseOf, uploadUrl } from './objects.js';

/** What a link stands for begins with, lest it open the slot of another dialect. */
const PURPOSE = 'zoomhub';

export function uploadRoutes(settings: ZoomHubSettings): readonly Route[] {
  return [signed(settings), taken(settings)];
}

interface AskedUrl {
  readonly email: string | undefined;
}

function signed(settings: ZoomHubSettings): Route {
  return route<AskedUrl>({
    ...READING,
    name: 'zoomhubUpload',
    path: '/v1/content/upload',
    description: OF_UPLOAD,
    parse: ({ url }) => ({ email: emailIn(url) }),
    async run({ email }, use, { origin }): Promise<Reply> {
      const contents = Contents.of(use, settings.tenant);
      if (!settings.takesUploads) throw closed();
      if (settings.requiresEmail && email === undefined) throw missingEmail('of whoever sends the file');
      const base = baseOf(settings, origin);
      const id = newAssetId();
      const max = String(contents.maxBytes);
      const query = contents.links.query('upload', partsOf(contents, { id, max, email }));
      if (query === undefined) throw new Error('expected a key to sign URLs by, got none');
      const about = email === undefined ? '' : `email=${encodeURIComponent(email)}&`;
      const form = {
        // What a bucket is told of a file whose type nobody has looked at.
        'Content-Type': 'image/',
        key: `uploads/${id}`,
        success_action_redirect: `${base}/v1/content/${id}`,
        url: `${uploadUrl(base, id)}?${about}max=${max}&${query}`,
      };
      return { kind: 'json', text: JSON.stringify(form), headers: [['Content-Type', JSON_TYPE]] };
    },
  });
}

interface AskedUpload extends AskedUrl {
  readonly id: string;
  readonly max: string;
  readonly query: LinkQuery;
}

function taken(settings: ZoomHubSettings): Route {
  return route<AskedUpload>({
    verbs: ['POST'],
    opensTo: 'everybody',
    body: 'source',
    sourcePart: 'file',
    waits: true,
    effort: 'makes-anew',
    name: 'zoomhubTakeUpload',
    path: '/v1/content/upload/{id}',
    description: OF_UPLOADED,
    parse: ({ segments: [id = ''], url }) => ({
      ...{ id, email: emailIn(url), max: queryValue(url, 'max') ?? '' },
      query: {
        expires: queryValue(url, 'expires') ?? '',
        kid: queryValue(url, 'kid') ?? '',
        signature: queryValue(url, 'signature') ?? '',
      },
    }),
    async run({ query, ...asked }, use, call): Promise<Reply> {
      const contents = Contents.of(use, settings.tenant);
      if (!settings.takesUploads) throw closed();
      const judged = contents.links.judge('upload', partsOf(contents, asked), query);
      const id = judged === 'right' ? parseAssetId(asked.id) : undefined;
      if (id === undefined) throw badLink(judged === 'expired');
      const location = `${baseOf(settings, call.origin)}/v1/content/${id}`;
      const there: Reply = { kind: 'redirect', status: 303, location, text: JSON.stringify({ location }) };
      // Whoever had no answer comes again.
      if (await contents.find(id)) return there;
      const slot = await contents.waitingFor(id, asked.email);
      if (slot === undefined) throw badLink(true);
      await contents.receive(slot, await call.receive(Number(asked.max)));
      return there;
    },
  });
}

function partsOf(
  { context }: Contents,
  { id, max, email = '' }: { readonly id: string; readonly max: string; readonly email: string | undefined },
): readonly string[] {
  return [PURPOSE, context, id, max, email];
}

function badLink(isOver: boolean): ProofsheetError {
  return new ProofsheetError(
    'protected-operation-disabled',
    isOver
      ? 'this signed URL is no longer good; please ask for a new one'
      : 'expected a URL as it was signed, got another one',
  );
}
