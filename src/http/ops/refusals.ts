// getRefusals and clearRefusals: what the negative cache remembers of failed sources, and forgetting it. Protected.
import { type Digest, parseDigest } from '../../kernel/digest.js';
import { ProofsheetError } from '../../kernel/errors.js';
import type { Refusal } from '../../kernel/ports.js';
import { ERROR_CODES } from '../error-map.js';
import type { Call, OperationContext } from './operation.js';

/** `GET /getRefusals` */
export async function getRefusals(call: Call, { refusals, send }: OperationContext): Promise<void> {
  await send.stream(
    call.response,
    call.exchange,
    [
      ['Content-Type', 'application/json'],
      ['Cache-Control', 'no-store'],
      ['X-Content-Type-Options', 'nosniff'],
    ],
    refusalsJson(refusals?.list() ?? nothing()),
  );
}

/** `DELETE /clearRefusals` for all, `DELETE /clearRefusals/{digest}` for one source. */
export async function clearRefusals(call: Call, { refusals, send }: OperationContext): Promise<void> {
  const count = (await refusals?.forget(sourceOf(call))) ?? 0;
  await send.json(call.response, call.exchange, {
    code: 0,
    message: `forgot ${count} ${count === 1 ? 'refusal' : 'refusals'}`,
  });
}

function sourceOf({ segments }: Call): Digest | undefined {
  const [text] = segments;
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
