// getRefusals and clearRefusals: what the negative cache remembers of failed sources, and forgetting it. Protected.
import { type Digest, parseDigest } from '../../../kernel/digest.js';
import { ProofsheetError } from '../../../kernel/errors.js';
import type { Refusal } from '../../../kernel/ports/refusals.js';
import { ERROR_CODES } from '../../replies/error-map.js';
import { json } from '../../replies/reply.js';
import type { Parameter } from '../description.js';
import { route } from '../route.js';
import { DONE, REFUSALS } from './descriptions.js';
import { CLEARING, LISTING } from './operation.js';
import { checkSegments } from './parse.js';

const SOURCE: Parameter = {
  name: 'digest',
  in: 'path',
  description: 'A source as getRefusals lists it: 64 lower-case hex digits.',
  schema: { type: 'string', pattern: '^(?:sha256:)?[0-9a-f]{64}$' },
  example: '36cbdcc1a85ba3c2b1ac1e4fc7e8bd9f3d1b1c1d6f6b8b6dc9a3f4f6a9e3c1d0',
};

/** `GET /getRefusals` */
export const getRefusals = route<void>({
  ...LISTING,
  name: 'getRefusals',
  path: '/getRefusals',
  description: {
    summary: 'The sources that could not be converted lately, streamed',
    answer: { kind: 'listing', schema: REFUSALS },
  },
  parse: (target) => checkSegments(target, []),
  run: async (_asked, { refusals }) => ({ kind: 'listing', pieces: refusalsJson(refusals?.list() ?? nothing()) }),
});

/** `DELETE /clearRefusals` for all, `DELETE /clearRefusals/{digest}` for one source. */
export const clearRefusals = route<{ readonly source: Digest | undefined }>({
  ...CLEARING,
  name: 'clearRefusals',
  path: '/clearRefusals/{digest}',
  description: {
    summary: 'Lets one source that failed be tried again, or all',
    parameters: [SOURCE],
    isLastOptional: true,
    answer: { kind: 'json', schema: DONE },
  },
  parse(target) {
    checkSegments(target, ['digest']);
    return { source: sourceOf(target.segments) };
  },
  async run({ source }, { refusals }) {
    const count = (await refusals?.forget(source)) ?? 0;
    return json({ code: 0, message: `forgot ${count} ${count === 1 ? 'refusal' : 'refusals'}` });
  },
});

function sourceOf([text]: readonly string[]): Digest | undefined {
  if (text === undefined) return undefined;
  const digest = parseDigest(text.replace(/^sha256:/, ''));
  if (digest === undefined)
    throw new ProofsheetError(
      'invalid-image-key',
      'expected a source as getRefusals lists it: 64 lower-case hex digits',
    );
  return digest;
}

/** `{"refusals":[...]}` in as many pieces as there are batches. */
async function* refusalsJson(batches: AsyncIterable<readonly Refusal[]>): AsyncGenerator<string, void, undefined> {
  let before = '{"refusals":[';
  for await (const batch of batches) {
    yield before + batch.map(refusalJson).join(',');
    before = ',';
  }
  yield before === ',' ? ']}' : `${before}]}`;
}

function refusalJson({ source, code, message, strikes, until }: Refusal): string {
  return JSON.stringify({
    source,
    code: ERROR_CODES[code].code,
    message,
    strikes,
    until: new Date(until).toISOString(),
  });
}

async function* nothing(): AsyncGenerator<readonly Refusal[]> {}
