// status: the page that tells a person how the server is doing.

import { queryValue } from '../../url-query.js';
import { route } from '../route.js';
import { READING } from './operation.js';
import { checkSegments } from './parse.js';

/** `GET /status?metrics=yes` */
export const status = route<{ readonly withMetrics: boolean }>({
  ...READING,
  name: 'status',
  path: '/status',
  opensTo: 'everybody',
  effort: 'stays-open',
  isPage: true,
  parse(target) {
    checkSegments(target, []);
    return { withMetrics: queryValue(target.url, 'metrics') === 'yes' };
  },
  run: async ({ withMetrics }, { statusPage }) => ({ kind: 'page', ...(await statusPage(withMetrics)) }),
});
