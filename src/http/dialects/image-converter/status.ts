// status: the page that tells a person how the server is doing.

import { queryValue } from '../../url-query.js';
import type { Parameter } from '../description.js';
import { route } from '../route.js';
import { READING } from './operation.js';
import { checkSegments } from './parse.js';

const WITH_METRICS: Parameter = {
  name: 'metrics',
  in: 'query',
  description: '`yes` shows the metrics as a table too.',
  schema: { type: 'string' },
  example: 'yes',
};

/** `GET /status?metrics=yes` */
export const status = route<{ readonly withMetrics: boolean }>({
  ...READING,
  name: 'status',
  path: '/status',
  opensTo: 'everybody',
  effort: 'stays-open',
  isPage: true,
  description: {
    summary: 'A page that tells a person how the server is doing',
    parameters: [WITH_METRICS],
    answer: { kind: 'page' },
  },
  parse(target) {
    checkSegments(target, []);
    return { withMetrics: queryValue(target.url, 'metrics') === 'yes' };
  },
  run: async ({ withMetrics }, { statusPage }) => ({ kind: 'page', ...(await statusPage(withMetrics)) }),
});
