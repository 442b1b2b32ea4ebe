// getMetadata, getImageAndMetadata, cacheAndGetImageAndMetadata and cacheImage: what is known of a group, as JSON, beside
// its image, or only that it is stored.
import { createHash } from 'node:crypto';
import type { GroupMetadata, PreviewChoice } from '../../previews/answers.js';
import { groupMetadata } from '../../previews/group-metadata.js';
import { isNotModified } from '../conditional.js';
import { imageAndMetadata } from '../multipart-response.js';
import { groupRefOf } from '../parameters.js';
import { jsonHeaders } from '../send.js';
import { type Call, conditionsOf, type OperationContext, requestedFormat } from './operation.js';

/** `GET /getMetadata/{imageKey}` */
export async function getMetadata(call: Call, { previews, config, clock, send }: OperationContext): Promise<void> {
  const metadata = await previews.metadata(groupRefOf(call));
  const body = Buffer.from(metadataJson(metadata));
  const etag = `"${createHash('sha256').update(body).digest('hex')}"`;
  const headers = [
    ['ETag', etag],
    ['Cache-Control', config.cacheControl],
  ] as const;
  const { request, response, exchange } = call;
  exchange.routine = true;
  if (isUnchanged(call, etag, clock.now())) return send.bytes(response, exchange, 304, headers, []);
  await send.bytes(
    response,
    exchange,
    200,
    [...jsonHeaders(body.length), ...headers],
    request.method === 'HEAD' ? [] : [body],
  );
}

/** `GET /getImageAndMetadata/{imageKey}/{requestFormat}` */
export async function getImageAndMetadata(call: Call, context: OperationContext): Promise<void> {
  const ref = groupRefOf(call);
  const choice = await context.previews.choose(ref, requestedFormat(call, context).format);
  await answer(call, context, choice);
}

/** `POST /cacheAndGetImageAndMetadata/{imageKey}/{requestFormat}` with an upload */
export async function cacheAndGetImageAndMetadata(call: Call, context: OperationContext): Promise<void> {
  const ref = groupRefOf(call);
  const { format } = requestedFormat(call, context);
  const upload = await call.receive();
  const choice = await context.previews.cacheAndChoose(ref, format, upload);
  await answer(call, context, choice);
}

/** `POST /cacheImage/{imageKey}` with an upload */
export async function cacheImage(call: Call, { previews, send }: OperationContext): Promise<void> {
  const ref = groupRefOf(call);
  const upload = await call.receive();
  const { source } = await previews.cache(ref, upload);
  const count = source.previews.length;
  await send.json(call.response, call.exchange, {
    code: 0,
    message: `cached ${count} ${count === 1 ? 'preview' : 'previews'}`,
  });
}

async function answer(
  call: Call,
  { previews, config, clock, send }: OperationContext,
  choice: PreviewChoice,
): Promise<void> {
  const { request, response, exchange } = call;
  // Metadata comes from the very entry the preview was chosen from: the two parts cannot tell of different uploads.
  const answerFor = (chosen: PreviewChoice) =>
    imageAndMetadata(chosen, metadataJson(groupMetadata(chosen.entry)), config.cacheControl);
  const planned = answerFor(choice);
  const isReading = request.method === 'GET' || request.method === 'HEAD';
  exchange.routine = isReading;
  if (isReading && isUnchanged(call, planned.etag, clock.now())) {
    const headers = planned.headers.filter(([name]) => !name.startsWith('Content-'));
    return send.bytes(response, exchange, 304, headers, []);
  }
  if (request.method === 'HEAD') return send.bytes(response, exchange, 200, planned.headers, []);
  const read = await previews.read(choice);
  exchange.from = read.from;
  exchange.routine &&= read.from !== 'made';
  const whole = read.choice === choice ? planned : answerFor(read.choice);
  await send.bytes(response, exchange, 200, whole.headers, [whole.before, read.bytes, whole.after]);
}

function metadataJson({ groups, proofsheet }: GroupMetadata): string {
  return JSON.stringify({ ...groups, Proofsheet: proofsheet });
}

/** Metadata has no date of its own, so only the tag counts. */
function isUnchanged(call: Call, etag: string, nowMs: number): boolean {
  const { ifNoneMatch } = conditionsOf(call.request);
  return isNotModified({ ifNoneMatch, ifModifiedSince: undefined }, { etag, lastModifiedMs: nowMs }, nowMs);
}
