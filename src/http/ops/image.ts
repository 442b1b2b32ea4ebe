// getImage and cacheAndGetImage: the best preview of a group as plain image bytes.
import type { PreviewChoice } from '../../previews/answers.js';
import type { Conditions } from '../conditional.js';
import { sendProtocolError } from '../error-response.js';
import { imageAnswer, UNCONDITIONAL } from '../image-response.js';
import { groupRefOf, requestFormatOf } from '../parameters.js';
import { type Call, conditionsOf, type OperationContext } from './operation.js';

/** `GET /getImage/{imageKey}/{requestFormat}` */
export async function getImage(call: Call, context: OperationContext): Promise<void> {
  const ref = groupRefOf(call);
  const format = requestFormatOf(call);
  const choice = await context.previews.choose(ref, format);
  await answer(call, context, choice, conditionsOf(call.request));
}

/** `POST /cacheAndGetImage/{imageKey}/{requestFormat}` with an upload */
export async function cacheAndGetImage(call: Call, context: OperationContext): Promise<void> {
  const ref = groupRefOf(call);
  const format = requestFormatOf(call);
  const upload = await call.receive();
  const choice = await context.previews.cacheAndChoose(ref, format, upload);
  await answer(call, context, choice, UNCONDITIONAL);
}

async function answer(
  call: Call,
  { previews, config, clock, send }: OperationContext,
  choice: PreviewChoice,
  conditions: Conditions,
): Promise<void> {
  const { request, response, exchange } = call;
  const planned = imageAnswer(choice, conditions, config.cacheControl, clock.now());
  const { range } = planned;
  if (planned.status === 416) {
    sendProtocolError(response, exchange, 'range-not-satisfiable', config.lingerMs, planned.headers);
    return;
  }
  // 304 and HEAD are answered by what the catalog knows: no tier is asked for bytes that nobody gets.
  if (range === undefined || request.method === 'HEAD') {
    exchange.routine = request.method !== 'POST';
    return send.bytes(response, exchange, planned.status, planned.headers, []);
  }
  const { bytes, from } = await previews.read(choice);
  exchange.from = from;
  exchange.routine = request.method === 'GET' && from !== 'made';
  const part = bytes.subarray(range.first, range.last + 1);
  await send.bytes(response, exchange, planned.status, planned.headers, [part]);
}
