// getImage and cacheAndGetImage: the best preview of a group as plain image bytes.
import type { PreviewBytes, PreviewChoice } from '../../previews/answers.js';
import type { Conditions } from '../conditional.js';
import { sendProtocolError } from '../error-response.js';
import { imageAnswer, UNCONDITIONAL } from '../image-response.js';
import { groupRefOf } from '../parameters.js';
import { type Call, conditionsOf, type OperationContext, requestedFormat } from './operation.js';

/** `GET /getImage/{imageKey}/{requestFormat}` */
export async function getImage(call: Call, context: OperationContext): Promise<void> {
  const ref = groupRefOf(call);
  const { format, headers } = requestedFormat(call, context);
  const generation = context.hotLane?.generation() ?? 0;
  const choice = await context.previews.choose(ref, format);
  const read = await answer(call, context, choice, conditionsOf(call.request));
  // What was healed has changed its entry meanwhile: the next request finds it as it is.
  if (read?.from !== 'made') context.hotLane?.offer(call.url, choice, generation, call.urlValidUntilMs, headers);
}

/** `POST /cacheAndGetImage/{imageKey}/{requestFormat}` with an upload */
export async function cacheAndGetImage(call: Call, context: OperationContext): Promise<void> {
  const ref = groupRefOf(call);
  const { format } = requestedFormat(call, context);
  const upload = await call.receive();
  const choice = await context.previews.cacheAndChoose(ref, format, upload);
  await answer(call, context, choice, UNCONDITIONAL);
}

/** Resolves with what was read for the answer; `undefined` when it needed no bytes. */
async function answer(
  call: Call,
  { previews, config, clock, send }: OperationContext,
  choice: PreviewChoice,
  conditions: Conditions,
): Promise<PreviewBytes | undefined> {
  const { request, response, exchange } = call;
  const answerFor = (chosen: PreviewChoice) => imageAnswer(chosen, conditions, config.cacheControl, clock.now());
  const planned = answerFor(choice);
  if (planned.status === 416) {
    sendProtocolError(response, exchange, 'range-not-satisfiable', planned.headers);
    return undefined;
  }
  // 304 and HEAD are answered by what the catalog knows: no tier is asked for bytes that nobody gets.
  if (planned.range === undefined || request.method === 'HEAD') {
    exchange.routine = true;
    await send.bytes(response, exchange, planned.status, planned.headers, []);
    return undefined;
  }
  const read = await previews.read(choice);
  exchange.from = read.from;
  exchange.routine = request.method === 'GET' && read.from !== 'made';
  // Healing may have made another preview than the lost one: then the headers are its own, and so is the range.
  const { status, headers, range } = read.choice === choice ? planned : answerFor(read.choice);
  const body = range === undefined ? [] : [read.bytes.subarray(range.first, range.last + 1)];
  await send.bytes(response, exchange, status, headers, body);
  return read;
}
