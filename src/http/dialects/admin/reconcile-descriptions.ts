// What the operations of reconciling tell of themselves.
import type { RouteDescription, Schema } from '../description.js';
import { closed } from './descriptions.js';

const COUNT = { type: 'integer', minimum: 0 };
const TIME = { type: 'string', format: 'date-time' };
const TEXT = { type: 'string' };
const SECONDS = { type: 'number', minimum: 0 };

const STANDING: Schema = {
  title: 'Reconciling',
  ...closed({
    run: TEXT,
    state: { enum: ['running', 'paused', 'stopped', 'done'] },
    perMinute: COUNT,
    startedAt: TIME,
    ...{ looked: COUNT, made: COUNT, failed: COUNT, stuck: COUNT, seconds: SECONDS, at: TIME },
  }),
};

export const OF_PLAN: RouteDescription = {
  summary: 'What today’s target formats and pipeline would make of what is stored, and drop',
  details:
    'Reads every record. `stuck`: sources that are no longer kept. `keeps`: previews of the latest other sequences, which stay. `makesBytes` goes by the mean of what stands, `cpuSeconds`, processor time of converters, by what a preview took on average on the servers of the store; null before any was made.',
  answer: {
    kind: 'json',
    schema: {
      title: 'ReconcilePlan',
      ...closed({
        ...{ sequence: TEXT, formats: { type: 'array', items: TEXT } },
        ...{ sources: COUNT, current: COUNT, outdated: COUNT, stuck: COUNT },
        ...{ makes: COUNT, makesBytes: COUNT, drops: COUNT, dropsBytes: COUNT, keeps: COUNT, keepsBytes: COUNT },
        ...{ previews: COUNT, previewBytes: COUNT, cpuSeconds: { type: ['number', 'null'], minimum: 0 } },
      }),
    },
  },
};

export const OF_APPLYING: RouteDescription = {
  summary: 'Makes what the plan says, at idle priority, or goes on with it',
  details:
    '`perMinute` bounds how many sources are made in a minute; 0 sets no limit. Previews of before serve meanwhile.',
  takes: {
    schema: { title: 'Apply', type: 'object', properties: { perMinute: COUNT }, additionalProperties: false },
    example: { perMinute: 60 },
  },
  answer: { kind: 'json', schema: STANDING },
  failures: ['invalid-request-format'],
};

export const OF_STANDING: RouteDescription = {
  summary: 'How far that is',
  answer: { kind: 'json', schema: STANDING },
  failures: ['unknown-image-key'],
};

export const OF_PAUSING: RouteDescription = {
  summary: 'Pauses it; applying goes on where it stopped',
  answer: { kind: 'json', schema: STANDING },
  failures: ['unknown-image-key'],
};

export const OF_STOPPING: RouteDescription = {
  summary: 'Ends it; applying begins anew',
  answer: { kind: 'json', schema: STANDING },
  failures: ['unknown-image-key'],
};
