// `GET /console/live`: how all servers are, as server-sent events, for as long as the page is open.
import { queryValue } from '../../url-query.js';
import { WATCHING } from '../for-operators.js';
import { route } from '../route.js';
import { OF_LIVE } from './descriptions.js';
import { operatorsOf } from './rules.js';

const HEADERS = [
  ['Content-Type', 'text/event-stream; charset=utf-8'],
  ['Cache-Control', 'no-store'],
  // nginx keeps answers back until a buffer is full.
  ['X-Accel-Buffering', 'no'],
] as const;
/** How long a browser waits before it connects again. */
const RETRY_MS = 2_000;

/** With `once=yes` the first event is the last, for who wants figures and no stream. */
export const live = route<{ readonly once: boolean }>({
  ...WATCHING,
  name: 'consoleLive',
  path: '/live',
  description: OF_LIVE,
  parse: ({ url }) => ({ once: queryValue(url, 'once') === 'yes' }),
  async run({ once }, use) {
    const operators = operatorsOf(use);
    return {
      kind: 'stream',
      headers: HEADERS,
      async *pieces() {
        const stop = new AbortController();
        try {
          for await (const overview of operators.watch(stop.signal)) {
            yield Buffer.from(`retry: ${RETRY_MS}\nevent: overview\ndata: ${JSON.stringify(overview)}\n\n`);
            if (once) return;
          }
        } finally {
          stop.abort();
        }
      },
    };
  },
});
