// The settings that protect: who may upload and read, and how much of the server one client or one context may take.
import { parseApiToken, parseUrlKey } from '../kernel/credentials.js';
import { parseContext } from '../kernel/image-key.js';
import { METADATA_KINDS } from '../kernel/private-tags.js';
import { bytes, choice, optional, parsedList, whole } from './kinds.js';
import { setting } from './setting.js';

const TIB = 2 ** 40;
const HOUR_MS = 3_600_000;
const DAY_S = 86_400;

export const ACCESS = {
  apiTokens: setting(
    'API_TOKENS',
    optional(
      parsedList(
        'list of 1 to 1000 entries TOKEN or TOKEN:CONTEXT|CONTEXT, a token of 16 characters or more, contexts percent-encoded',
        1_000,
        parseApiToken,
      ),
    ),
    'Tokens (Authorization: Bearer) that open uploads and reads, in all contexts or in those named; unset leaves both open to everybody.',
    { secret: true, reloads: true },
  ),
  urlKeys: setting(
    'URL_KEYS',
    optional(
      parsedList('list of 1 to 16 entries ID:SECRET, a secret of 16 visible characters or more', 16, parseUrlKey),
    ),
    'Keys of signed URLs, which open a read without a token until they expire; the first one signs, all are valid.',
    { secret: true, reloads: true },
  ),
  metadata: setting(
    'METADATA',
    choice(METADATA_KINDS),
    'What metadata tell: safe nothing of places, people and serial numbers; full everything, and where tokens or URL keys are set only to who brings a token.',
  ),
  loginFailuresPerMinute: setting(
    'LOGIN_FAILURES_PER_MINUTE',
    whole('failures', { min: 0, max: 100_000 }),
    'Failed logins of one client per minute and HTTP process; more are answered 429. 0 sets no limit.',
    { reloads: true },
  ),
} as const;

export const FAIRNESS = {
  clientUploadsPerSecond: setting(
    'CLIENT_UPLOADS_PER_SECOND',
    whole('uploads per second', { min: 0, max: 100_000 }),
    'Uploads begun by one client (an IPv4 address or an IPv6 /64) per second and HTTP process, twice as many in a burst; more are answered 429. 0 sets no limit.',
    { reloads: true },
  ),
  clientUploads: setting(
    'CLIENT_UPLOADS',
    whole('uploads', { min: 0, max: 100_000 }),
    'Uploads of one client that are received or converted at the same time per HTTP process; more are answered 429. 0 sets no limit.',
    { reloads: true },
  ),
  contextUploadsPerSecond: setting(
    'CONTEXT_UPLOADS_PER_SECOND',
    whole('uploads per second', { min: 0, max: 100_000 }),
    'Uploads begun in one context per second and HTTP process, twice as many in a burst; more are answered 429. 0 sets no limit.',
    { reloads: true },
  ),
  contextUploads: setting(
    'CONTEXT_UPLOADS',
    whole('uploads', { min: 0, max: 100_000 }),
    'Uploads of one context that are received or converted at the same time per HTTP process; more are answered 429. 0 sets no limit.',
    { reloads: true },
  ),
  contextMaxConversions: setting(
    'CONTEXT_MAX_CONVERSIONS',
    whole('conversions', { min: 0, max: 100_000 }),
    'Conversions of one context under way or waiting per HTTP process; more are answered 429. 0 sets no limit.',
    { reloads: true },
  ),
  contextDrawingsPerMinute: setting(
    'CONTEXT_DRAWINGS_PER_MINUTE',
    whole('pictures per minute', { min: 0, max: 1_000_000 }),
    'New pictures that one context may have drawn on demand per minute and HTTP process, contact sheets and pictures of fetched URLs among them; more are answered 429. One that takes more than 8 million pixels on its way counts as one for each 4 million. What is kept already, and the first of a new upload, are not counted. 0 sets no limit.',
    { reloads: true },
  ),
  contextWeights: setting(
    'CONTEXT_WEIGHTS',
    optional(
      parsedList(
        'list of 1 to 1000 entries CONTEXT=WEIGHT, contexts percent-encoded, weights of 1 to 100',
        1_000,
        parseWeight,
      ),
    ),
    'Turns in a row that a context has at the queue of conversions; 1 for those not named.',
    { reloads: true },
  ),
  contextMaxBytes: setting(
    'CONTEXT_MAX_BYTES',
    bytes({ min: 0, max: 1024 * TIB }),
    'Most blob bytes of one context, shared blobs counted in full; above it its own sources, then its own groups used longest ago are evicted. 0 sets no limit.',
    { reloads: true },
  ),
  contextMaxGroups: setting(
    'CONTEXT_MAX_GROUPS',
    whole('image groups', { min: 0, max: 1_000_000_000 }),
    'Most image groups of one context; above it its own used longest ago are evicted. 0 sets no limit.',
    { reloads: true },
  ),
  shedQueueAgeMs: setting(
    'SHED_QUEUE_AGE_MS',
    whole('ms', { min: 0, max: HOUR_MS }),
    'Age of the oldest waiting conversion above which uploads that need a new one are answered 503 before they are received. 0 never.',
    { reloads: true },
  ),
  shedEventLoopLagMs: setting(
    'SHED_EVENT_LOOP_LAG_MS',
    whole('ms', { min: 0, max: HOUR_MS }),
    'Lag of the event loop above which uploads that need a conversion are answered 503 before they are received. 0 never.',
    { reloads: true },
  ),
  negativeCacheSeconds: setting(
    'NEGATIVE_CACHE_SECONDS',
    whole('seconds', { min: 0, max: DAY_S }),
    'How long a source that cannot be converted is remembered and refused without being tried again. 0 remembers none.',
  ),
  negativeCacheEntries: setting(
    'NEGATIVE_CACHE_ENTRIES',
    whole('sources', { min: 1, max: 1_000_000 }),
    'Most sources remembered so; the ones that are forgotten soonest make room.',
  ),
} as const;

/** `CONTEXT=WEIGHT`, the context percent-encoded. Throws `TypeError`. */
function parseWeight(entry: string): { readonly context: string; readonly weight: number } {
  const [, name, digits] = /^([^=]*)=([0-9]{1,3})$/.exec(entry) ?? [];
  const weight = Number(digits);
  if (name === undefined || !(weight >= 1 && weight <= 100))
    throw new TypeError('expected CONTEXT=WEIGHT with a weight of 1 to 100');
  try {
    return { context: parseContext(decodeURIComponent(name)), weight };
  } catch {
    throw new TypeError('expected the context percent-encoded as in a URL, of at most 256 characters');
  }
}
