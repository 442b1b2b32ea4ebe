// status: the page that tells a person how the server is doing.
import { queryValue } from '../parameters.js';
import { statusPage } from '../status-page.js';
import type { Call, OperationContext } from './operation.js';

/** `GET /status?metrics=yes` */
export async function status(call: Call, { status: report, metricsText, send }: OperationContext): Promise<void> {
  const withMetrics = queryValue(call.url, 'metrics') === 'yes';
  const page = statusPage(await report(), withMetrics ? (await metricsText()).body : undefined);
  call.exchange.routine = true;
  const body = Buffer.from(page.html);
  await send.bytes(
    call.response,
    call.exchange,
    200,
    [
      ['Content-Type', 'text/html; charset=utf-8'],
      ['Content-Length', String(body.length)],
      ['Cache-Control', 'no-store'],
      ['Content-Security-Policy', page.contentSecurityPolicy],
    ],
    [body],
  );
}
