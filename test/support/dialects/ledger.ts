// A dialect of nobody, as unlike ImageConverter as can be: JSON bodies with the credentials in them, redirects, statuses of its
// own, failures as a list, and pages of every origin may read it. It proves the seams of the edge, and is no part of the product.
import { z } from 'zod';
import type { Parameter, Schema } from '../../../src/http/dialects/description.js';
import type { Dialect } from '../../../src/http/dialects/dialect.js';
import { route } from '../../../src/http/dialects/route.js';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { type Format, parseFormat } from '../../../src/kernel/format.js';
import { type GroupRef, parseContext, parseImageKey } from '../../../src/kernel/image-key.js';

const MOUNT = '/ledger/v2';
const COVER = parseFormat('auto:200x150');

const FINDING = z.object({ apiKey: z.string().optional(), organisation: z.string(), entry: z.string() });
const SIZES: Readonly<Record<string, Format>> = { cover: COVER, page: parseFormat('auto:800x800') };

function refOf(organisation: string, entry: string): GroupRef {
  return { context: parseContext(organisation), imageKey: parseImageKey(entry) };
}

/** What is asked by path: `/entries/{organisation}/{entry}/...`. */
const OF_ENTRY = {
  parse: ({ segments: [organisation = '', entry = ''] }: { readonly segments: readonly string[] }) => ({
    ref: refOf(organisation, entry),
  }),
  scopeOf: ({ ref }: { readonly ref: GroupRef }) => ref.context,
};

const ENTRY: readonly Parameter[] = ['organisation', 'entry'].map((name) => ({
  name,
  in: 'path',
  description: `The ${name}.`,
  schema: { type: 'string' },
  example: 'house',
}));

const FAILURES: Schema = {
  title: 'LedgerFailures',
  type: 'object',
  properties: {
    errors: {
      type: 'array',
      items: {
        type: 'object',
        properties: { id: { type: 'string' }, detail: { type: 'string' } },
        required: ['id', 'detail'],
      },
    },
  },
  required: ['errors'],
};

const DATA: Schema = {
  title: 'LedgerData',
  type: 'object',
  properties: { data: { type: 'object' } },
  required: ['data'],
};

export const ledger: Dialect = {
  name: 'ledger',
  summary: 'A ledger of nobody.',
  failureSchema: FAILURES,
  securityScheme: { type: 'apiKey', in: 'header', name: 'X-Api-Key' },
  mount: MOUNT,
  headers: [['Access-Control-Allow-Origin', '*']],
  routes: [
    route<{ readonly ref: GroupRef }>({
      name: 'find',
      verbs: ['POST'],
      path: '/find',
      description: {
        summary: 'Finds the cover of an entry',
        takes: {
          schema: {
            type: 'object',
            properties: { organisation: { type: 'string' }, entry: { type: 'string' }, apiKey: { type: 'string' } },
            required: ['organisation', 'entry'],
          },
          example: { organisation: 'house', entry: 'page 1' },
        },
        answer: { kind: 'redirect', status: 303 },
        failures: ['unknown-image-key'],
      },
      opensTo: 'token',
      body: 'json',
      effort: 'reads',
      parse(_target, body) {
        const given = FINDING.safeParse(body);
        if (!given.success) throw new ProofsheetError('invalid-image-key', 'expected an organisation and an entry');
        return { ref: refOf(given.data.organisation, given.data.entry) };
      },
      scopeOf: ({ ref }) => ref.context,
      async run({ ref }, { previews }) {
        await previews.metadata(ref);
        const path = [ref.context, ref.imageKey, 'cover'].map(encodeURIComponent).join('/');
        return { kind: 'redirect', status: 303, location: `${MOUNT}/entries/${path}` };
      },
    }),
    route<{ readonly ref: GroupRef; readonly format: Format }>({
      name: 'entries',
      verbs: ['GET', 'HEAD'],
      path: '/entries/{organisation}/{entry}/{size}',
      description: {
        summary: 'A preview of an entry',
        parameters: [
          ...ENTRY,
          {
            name: 'size',
            in: 'path',
            description: 'Which one.',
            schema: { enum: ['cover', 'page'] },
            example: 'cover',
          },
        ],
        answer: { kind: 'picture' },
        failures: ['unknown-image-key', 'invalid-request-format'],
      },
      opensTo: 'token',
      body: 'none',
      effort: 'reads',
      parse(target) {
        const format = Object.hasOwn(SIZES, target.segments[2] ?? '') ? SIZES[target.segments[2] ?? ''] : undefined;
        if (format === undefined) throw new ProofsheetError('invalid-request-format', 'expected cover or page');
        return { ...OF_ENTRY.parse(target), format };
      },
      scopeOf: OF_ENTRY.scopeOf,
      run: async ({ ref, format }, { previews }) => ({ kind: 'picture', choice: await previews.choose(ref, format) }),
    }),
    route<{ readonly ref: GroupRef }>({
      name: 'facts',
      verbs: ['GET', 'HEAD'],
      path: '/facts/{organisation}/{entry}',
      description: {
        summary: 'What is known of an entry',
        parameters: ENTRY,
        answer: { kind: 'json', schema: DATA, isKept: true },
        failures: ['unknown-image-key'],
      },
      opensTo: 'everybody',
      body: 'none',
      effort: 'reads',
      ...OF_ENTRY,
      async run({ ref }, { previews }) {
        const { proofsheet } = await previews.metadata(ref);
        return { kind: 'json', text: JSON.stringify({ data: proofsheet }), isKept: true };
      },
    }),
    route<{ readonly ref: GroupRef }>({
      name: 'file',
      verbs: ['PUT'],
      path: '/file/{organisation}/{entry}',
      description: {
        summary: 'Files a source under an entry',
        parameters: ENTRY,
        answer: { kind: 'json', schema: DATA, status: 201 },
      },
      opensTo: 'token',
      body: 'source',
      effort: 'makes-anew',
      ...OF_ENTRY,
      groupOf: ({ ref }) => ref,
      async run({ ref }, { previews }, call) {
        const { source } = await previews.cache(ref, await call.receive());
        return { kind: 'json', status: 201, text: JSON.stringify({ data: { previews: source.previews.length } }) };
      },
    }),
  ],
  credentialsOf(headers, body) {
    const header = headers['x-api-key'];
    const inBody = typeof body === 'object' && body !== null && 'apiKey' in body ? body.apiKey : undefined;
    const key = inBody ?? header;
    return typeof key === 'string' ? `Bearer ${key}` : undefined;
  },
  renderFailure: ({ error, status, headers }) => ({
    // Of its own: whatever is absent was never there.
    status: error.code === 'unknown-image-key' ? 410 : status,
    headers: [...headers, ['Content-Type', 'application/vnd.ledger+json']],
    body: JSON.stringify({ errors: [{ id: error.code, detail: error.message }] }),
  }),
};
