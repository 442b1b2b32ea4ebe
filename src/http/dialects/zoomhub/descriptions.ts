// What the operations of ZoomHub tell of themselves.
import { inPath, inQuery, type Parameter, type RouteDescription, type Schema } from '../description.js';

export const FAILURE: Schema = { title: 'ZoomHubFailure', description: 'A sentence, as text.', type: 'string' };

const ID = inPath('id', 'The id of the content.', 'aaaaaaaaaaaa');
const URL_OF = inQuery('url', 'Where the picture is, with `http://` or `https://`.', 'https://example.com/cat.jpg');
const CALLBACK = inQuery(
  'callback',
  'A function that the answer calls, as JSONP: then every answer is 200, with its status inside.',
  'show',
);
const SHOWN: readonly Parameter[] = [
  inQuery('fit', '`contain` or `cover`.', 'contain'),
  inQuery('constrain', '`zoom` or `full`.', 'zoom'),
  inQuery('background', '`none`, `black` or `white`.', 'white'),
];

const API_TYPES = ['application/json', 'application/javascript'];
const SCRIPT = ['application/javascript'];
const SHUT = ['protected-operation-disabled'] as const;
const OF_LOOKING = [...SHUT, 'unknown-image-key', 'invalid-request-format'] as const;

export const OF_CONTENT: RouteDescription = {
  summary: 'A content by its id: how far it is, and where it can be zoomed into',
  parameters: [ID, CALLBACK],
  answer: { kind: 'text', mediaTypes: API_TYPES, isPassing: true },
  failures: OF_LOOKING,
};
export const OF_CONTENT_BY_URL: RouteDescription = {
  summary: 'A content by the URL of its picture',
  details:
    'One that nobody has asked for before is fetched and tiled in the background, where the server takes new ones.',
  parameters: [URL_OF, CALLBACK],
  answer: { kind: 'redirect', status: 301, hasText: true },
  otherAnswers: { 200: SCRIPT },
  failures: [...SHUT, 'invalid-request-format'],
};
export const OF_UPLOAD: RouteDescription = {
  summary: 'Where a file can be sent to become a content, as the fields of a form',
  details:
    'All of them but `url` stand before the part `file` in a form (`multipart/form-data`) that is posted to `url`, within an hour. The content is at `success_action_redirect` then.',
  parameters: [inQuery('email', 'Of who sends it.', 'somebody@example.com')],
  answer: {
    kind: 'json',
    schema: {
      title: 'ZoomHubUpload',
      type: 'object',
      properties: {
        'Content-Type': { type: 'string' },
        key: { type: 'string' },
        success_action_redirect: { type: 'string' },
        url: { type: 'string' },
      },
      required: ['Content-Type', 'key', 'success_action_redirect', 'url'],
    },
  },
  failures: [...SHUT, 'invalid-request-format', 'overloaded'],
};
export const OF_UPLOADED: RouteDescription = {
  summary: 'Takes the file of a content, at the URL that was signed for it',
  parameters: [
    inPath('id', 'The id that the content gets.', 'aaaaaaaaaaaaa'),
    inQuery('email', 'As it was given.', 'somebody@example.com'),
    inQuery('max', 'Most bytes.', '1048576'),
    inQuery('expires', 'Unix seconds.', '1700000000'),
    inQuery('kid', 'The id of the key that signed it.', 'main'),
    inQuery('signature', 'Of all of these.', 'signature'),
  ],
  answer: { kind: 'redirect', status: 303, hasText: true },
  failures: [
    ...SHUT,
    'missing-source-image',
    'broken-upload',
    'digest-mismatch',
    'source-too-large',
    'source-type-refused',
    'over-quota',
    'storage-full',
    'overloaded',
  ],
};
export const OF_RESET: RouteDescription = {
  summary: 'Has a content fetched and tiled again',
  parameters: [ID],
  answer: { kind: 'redirect', status: 301, hasText: true },
  otherAnswers: { 200: SCRIPT },
  failures: OF_LOOKING,
};
export const OF_DZI: RouteDescription = {
  summary: 'Leads to the Deep Zoom Image of a content',
  parameters: [ID, CALLBACK],
  answer: { kind: 'redirect', status: 301, hasText: true },
  otherAnswers: { 200: SCRIPT },
  failures: OF_LOOKING,
};
export const OF_DZI_BY_URL: RouteDescription = {
  ...OF_CONTENT_BY_URL,
  summary: 'Leads to the Deep Zoom Image of a URL',
};
export const OF_HEALTH: RouteDescription = {
  summary: 'Says `up`',
  answer: { kind: 'text', mediaTypes: ['text/plain'], isPassing: true },
};
export const OF_VERSION: RouteDescription = { ...OF_HEALTH, summary: 'Says the version of the server' };

export const OF_DESCRIPTOR: RouteDescription = {
  summary: 'The descriptor of the Deep Zoom Image of a content',
  parameters: [inPath('file', 'The id with `.dzi`.', 'aaaaaaaaaaaa.dzi')],
  answer: { kind: 'text', mediaTypes: ['application/xml'] },
  failures: OF_LOOKING,
};
export const OF_TILE: RouteDescription = {
  summary: 'A tile of the Deep Zoom Image of a content',
  parameters: [
    inPath('files', 'The id with `_files`.', 'aaaaaaaaaaaa_files'),
    inPath('level', 'From 0, the picture as one pixel.', '9'),
    inPath('tile', 'Column and row from 0, and the type.', '0_0.jpg'),
  ],
  answer: { kind: 'picture' },
  failures: [
    ...OF_LOOKING,
    'source-limits-exceeded',
    'source-type-refused',
    'source-undecodable',
    'conversion-timeout',
    'storage-full',
  ],
};

export const OF_VIEW: RouteDescription = {
  summary: 'A page that shows a content',
  parameters: [ID],
  answer: { kind: 'page' },
  failures: OF_LOOKING,
};
export const OF_EMBED: RouteDescription = {
  summary: 'A page that shows a content in a frame of another',
  parameters: [ID, ...SHOWN],
  answer: { kind: 'page' },
  failures: OF_LOOKING,
};
export const OF_EMBED_SCRIPT: RouteDescription = {
  summary: 'A script that shows a content beside itself, in a page of others',
  parameters: [
    ID,
    inQuery('width', '`auto`, `0`, pixels or percent.', 'auto'),
    inQuery('height', '`auto`, `0`, pixels or percent.', '400px'),
    inQuery('border', '`none`.', 'none'),
    ...SHOWN,
  ],
  answer: { kind: 'text', mediaTypes: SCRIPT, isPassing: true },
  failures: OF_LOOKING,
};
export const OF_PAGE_BY_URL: RouteDescription = {
  summary: 'Leads to the page of the content of a URL',
  parameters: [URL_OF],
  answer: { kind: 'redirect', status: 302, hasText: true },
  failures: [...SHUT, 'invalid-request-format'],
};
export const OF_SCRIPT: RouteDescription = {
  summary: 'A script of those pages',
  parameters: [inPath('script', '`openseadragon.js` or `view.js`.', 'view.js')],
  answer: { kind: 'text', mediaTypes: ['text/javascript'] },
  failures: ['unknown-image-key'],
};
