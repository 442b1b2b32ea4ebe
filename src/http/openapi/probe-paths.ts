// What stands at the root of a server, in a document's words: the probes, the metrics, and the document itself.
import type { Schema } from '../dialects/description.js';
import { ERROR_CODES, PROTOCOL_ERRORS } from '../replies/error-map.js';
import { ERROR_MEANINGS, PROTOCOL_ERROR_MEANINGS } from '../replies/error-meanings.js';
import type { Operation } from './openapi-types.js';

export const SERVER_TAG = { name: 'server', description: 'Whether it is alive, ready and well, and what it speaks.' };

const STATE: Schema = { enum: ['up', 'degraded', 'down'] };
const READINESS: Schema = {
  type: 'object',
  properties: {
    ready: { type: 'boolean' },
    draining: { type: 'boolean' },
    dependencies: { type: 'object', additionalProperties: STATE },
  },
  required: ['ready', 'draining', 'dependencies'],
};
const ALIVE: Schema = { type: 'object', properties: { alive: { const: true } }, required: ['alive'] };
const TEXT: Schema = { type: 'string' };
const OBJECT: Schema = { type: 'object' };
const FAILURE: Schema = {
  type: 'object',
  properties: { code: { type: 'integer' }, message: { type: 'string' } },
  required: ['code', 'message'],
};

interface Probe {
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  /** Several media types stand with ` or ` between them. */
  readonly answers: readonly (readonly [status: number, mediaTypes: string, schema: Schema, words: string])[];
  /** It is asked for again by its tag. */
  readonly isKept?: boolean;
}

const { overloaded: NOT_READY, internal: INTERNAL } = ERROR_CODES;
const TOO_LARGE = PROTOCOL_ERRORS['header-too-large'];
const FAILURES = [
  [
    TOO_LARGE.status,
    'application/json',
    FAILURE,
    `\`${TOO_LARGE.code} header-too-large\`: ${PROTOCOL_ERROR_MEANINGS['header-too-large']}.`,
  ],
  [INTERNAL.status, 'application/json', FAILURE, `\`${INTERNAL.code} internal\`: ${ERROR_MEANINGS.internal}.`],
] as const;

function probes(mount: string): readonly Probe[] {
  return [
    {
      path: '/healthz',
      id: 'healthz',
      summary: 'Whether the process is alive',
      answers: [[200, 'application/json', ALIVE, 'It is.']],
    },
    {
      path: '/readyz',
      id: 'readyz',
      summary: 'Whether it can serve, with each dependency by name',
      answers: [
        [200, 'application/json', READINESS, 'It can.'],
        [NOT_READY.status, 'application/json', READINESS, 'It cannot, or is about to stop.'],
      ],
    },
    {
      path: mount,
      id: 'connected',
      summary: 'The same in a word, where the original is probed',
      answers: [
        [200, 'text/plain', TEXT, 'It can serve.'],
        [NOT_READY.status, 'application/json', FAILURE, 'It cannot.'],
      ],
    },
    {
      path: '/metrics',
      id: 'metrics',
      summary:
        'Counters, gauges and histograms in the text format of Prometheus, or as OpenMetrics where `Accept` names it',
      answers: [[200, 'text/plain or application/openmetrics-text', TEXT, 'All of them.']],
    },
    {
      path: '/openapi.json',
      id: 'openapiDocument',
      summary: 'This document',
      answers: [[200, 'application/json', OBJECT, 'OpenAPI 3.1.']],
      isKept: true,
    },
    {
      path: '/openapi',
      id: 'openapiPage',
      summary: 'This document as a page',
      answers: [[200, 'text/html', TEXT, 'A page for people.']],
      isKept: true,
    },
  ];
}

export function probePaths(mount: string): readonly (readonly [path: string, verb: string, operation: Operation])[] {
  return probes(mount).map(({ path, id, summary, answers, isKept = false }) => [
    path,
    'get',
    {
      operationId: id,
      tags: [SERVER_TAG.name],
      summary,
      security: [],
      responses: {
        ...(isKept && { 304: { description: 'It is what `If-None-Match` names.' } }),
        ...Object.fromEntries(
          [...answers, ...FAILURES].map(([status, mediaTypes, schema, description]) => [
            String(status),
            { description, content: Object.fromEntries(mediaTypes.split(' or ').map((type) => [type, { schema }])) },
          ]),
        ),
      },
    },
  ]);
}
