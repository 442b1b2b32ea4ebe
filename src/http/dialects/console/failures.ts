// The sources that are refused because they failed, and what an operator can do about one: forget it, or have it tried again.
import { type Digest, parseDigest } from '../../../kernel/digest.js';
import { ProofsheetError } from '../../../kernel/errors.js';
import { json } from '../../replies/reply.js';
import { CHANGING, timeOf, WATCHING } from '../for-operators.js';
import { type Route, route, type Target } from '../route.js';
import { OF_FORGETTING, OF_REFUSALS, OF_RETRYING } from './descriptions.js';
import { operatorsOf } from './rules.js';

const MOST_REFUSALS = 100;

/** `GET /console/refusals` */
const refusals = route<null>({
  ...WATCHING,
  name: 'consoleRefusals',
  path: '/refusals',
  description: OF_REFUSALS,
  parse: () => null,
  run: async (_, use) =>
    json({
      refusals: (await operatorsOf(use).refusals(MOST_REFUSALS)).map(
        ({ source, code, message, strikes, certain, until }) => ({
          ...{ source, error: code, message, strikes, isCertain: certain, until: timeOf(until) },
        }),
      ),
    }),
});

/** `POST /console/refusals/{digest}/forget` */
const forget = route<{ readonly source: Digest }>({
  ...CHANGING,
  name: 'consoleForget',
  path: '/refusals/{digest}/forget',
  description: OF_FORGETTING,
  parse: sourceIn,
  run: async ({ source }, use) => json({ forgotten: await operatorsOf(use).forget(source) }),
});

/** `POST /console/refusals/{digest}/retry` */
const retry = route<{ readonly source: Digest }>({
  ...CHANGING,
  name: 'consoleRetry',
  path: '/refusals/{digest}/retry',
  description: OF_RETRYING,
  parse: sourceIn,
  run: async ({ source }, use) => json({ outcome: await operatorsOf(use).retry(source) }),
});

export const refusalRoutes: readonly Route[] = [refusals, forget, retry];

function sourceIn({ segments: [text = ''] }: Target): { readonly source: Digest } {
  const source = parseDigest(text);
  if (source !== undefined) return { source };
  throw new ProofsheetError('invalid-image-key', 'expected a source as the refusals have it: 64 lower-case hex digits');
}
