// For operators: the receivers of webhooks that fail, what was said to one, and letting one be called again.
import { ProofsheetError } from '../../../kernel/errors.js';
import { type Context, parseContext } from '../../../kernel/image-key.js';
import type { LoggedDelivery } from '../../../kernel/ports/deliveries.js';
import { json } from '../../replies/reply.js';
import { queryValue } from '../../url-query.js';
import { CHANGING, timeOrNull, WATCHING } from '../for-operators.js';
import { type Route, route, type Target } from '../route.js';
import { OF_DELIVERIES, OF_ENABLING, OF_RECEIVERS } from './descriptions.js';
import { libraryOf } from './operators.js';

interface AskedReceiver {
  readonly context: Context;
  /** As the list of those that fail has it. */
  readonly receiver: string;
}

/** `GET /library/webhooks`: the receivers that failed last. */
const receivers = route<null>({
  ...WATCHING,
  name: 'libraryWebhooks',
  path: '/webhooks',
  description: OF_RECEIVERS,
  parse: () => null,
  run: async (_, use) => {
    const failing = await libraryOf(use).deliveries.failing();
    return json({
      failing: failing.map(({ context, receiver, state }) => ({
        context,
        receiver,
        failures: state.failures,
        failingSince: timeOrNull(state.failingSince),
        lastAttemptAt: timeOrNull(state.lastAttemptAt),
        isDisabled: state.disabled !== undefined,
      })),
    });
  },
});

/** `GET /library/webhooks/{receiver}/deliveries?context=`: the attempts at one receiver, the latest first. */
const deliveries = route<AskedReceiver>({
  ...WATCHING,
  name: 'libraryDeliveries',
  path: '/webhooks/{receiver}/deliveries',
  description: OF_DELIVERIES,
  parse: receiverIn,
  run: async ({ context, receiver }, use) => {
    const log = await libraryOf(use).deliveries.log(context, receiver);
    return json({ deliveries: log.map(told) });
  },
});

/** `POST /library/webhooks/{receiver}/enable?context=`: nothing is held against the receiver any more. */
const enable = route<AskedReceiver>({
  ...CHANGING,
  name: 'libraryEnableWebhook',
  path: '/webhooks/{receiver}/enable',
  description: OF_ENABLING,
  parse: receiverIn,
  run: async ({ context, receiver }, use) => {
    if (await libraryOf(use).deliveries.enable(context, receiver)) return json({ enabled: true });
    throw new ProofsheetError('unknown-image-key', 'nothing is held against such a receiver');
  },
});

export const webhookRoutes: readonly Route[] = [receivers, deliveries, enable];

function receiverIn({ segments: [receiver = ''], url }: Target): AskedReceiver {
  return { context: parseContext(queryValue(url, 'context')), receiver };
}

function told({ id, at, attempt, end, said }: LoggedDelivery) {
  return {
    id,
    at: timeOrNull(at),
    attempt,
    end,
    fault: said?.fault ?? null,
    status: said?.status ?? null,
    answer: said?.answer ?? null,
    durationMs: said?.durationMs ?? null,
  };
}
