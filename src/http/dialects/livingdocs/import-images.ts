// POST /api/{version}/import/images: a batch is taken for good and answered with the id of its import, or refused as a whole.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { QuotaRefusal } from '../../../kernel/library/quota.js';
import type { PortRule } from '../../../kernel/source-url.js';
import { json } from '../../replies/reply.js';
import { type Route, route } from '../route.js';
import { OF_IMPORT } from './descriptions.js';
import { QuotaFailure, ValidationFailure } from './failures.js';
import { type AskedImport, parseImport } from './import-body.js';
import { libraryOf, WRITING } from './library-route.js';
import { parseVersion } from './versions.js';

/** A thousand images with some kilobytes of metadata each. */
const MAX_BODY_BYTES = 8 * 2 ** 20;
/** Before an import can have ended. */
const OPEN_RETRY_SECONDS = 10;

export function importImages(permitsPort: PortRule): Route {
  return route<AskedImport>({
    ...WRITING,
    name: 'importImages',
    path: '/api/{version}/import/images',
    description: OF_IMPORT,
    maxJsonBytes: MAX_BODY_BYTES,
    parse({ segments: [version = ''] }, body) {
      parseVersion(version);
      return parseImport(body, permitsPort);
    },
    async run({ systemName, items, callback }, use, call) {
      const { library } = libraryOf(use);
      if (items.length > library.maxItems)
        throw new ValidationFailure({ images: `expected at most ${library.maxItems} images` });
      const batch = { dialect: 'livingdocs', system: systemName, items, ...(callback && { callback }) };
      const acceptance = await library.acceptImport(call.tenant(), batch);
      switch (acceptance.outcome) {
        case 'accepted':
        case 'known':
          return json({ id: acceptance.job.id });
        case 'over-quota':
          throw overQuota(acceptance.refusal);
        case 'too-many-open':
          throw new ProofsheetError(
            'over-quota',
            `expected at most ${acceptance.limit} imports that have not finished, got one more`,
            { retryAfterSeconds: OPEN_RETRY_SECONDS },
          );
      }
    },
  });
}

function overQuota(refusal: QuotaRefusal): QuotaFailure {
  return new QuotaFailure(messageOf(refusal), refusal.kind === 'images-per-day' ? refusal.freeAt : undefined);
}

function messageOf(refusal: QuotaRefusal): string {
  const again = 'Please try again later.';
  if (refusal.kind === 'bytes')
    return `Your plan does not allow you to store more than ${refusal.limit} bytes.\n      You already store ${refusal.used}.\n      ${again}`;
  const { limit, used, asked } = refusal;
  return `Your plan does not allow you to upload more than ${limit} per day.\n      You already uploaded ${used} in the last 24 hours and are trying to upload ${asked} more.\n      ${again}`;
}
