// Webhooks by HTTP: the port WebhookSender. A POST to where the address policy lets it, signed, followed nowhere; the status
// decides, and of the answer a little is kept for whoever looks for a fault.
import type { Clock } from '../kernel/ports/clock.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Metrics } from '../kernel/ports/metrics.js';
import type { DeliveryAttempt, DeliveryFault, WebhookMessage, WebhookSender } from '../kernel/ports/webhook-sender.js';
import { type HostRule, isListed, loggedUrl, parseSourceUrl } from '../kernel/source-url.js';
import { retryAfterMs } from './answer-rules.js';
import type { Answer, HttpClient } from './http-client.js';
import { DeadlinePassed, networkFaultOf } from './network-faults.js';
import { webhookHeaders } from './webhook-signature.js';

export interface WebhookSenderOptions {
  readonly client: HttpClient;
  readonly permitsPort: (port: number) => boolean;
  /** Hosts that nobody may call. */
  readonly deniedHosts: readonly HostRule[];
  /** For a whole attempt, in ms. */
  readonly timeoutMs: number;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** An answer is read so far, so that its connection can be used again, and no further. */
const READ_BYTES = 64 * 1024;
const KEPT_BYTES = 1_000;
const MAX_RETRY_AFTER_MS = 86_400_000;

type Outcome = Omit<DeliveryAttempt, 'durationMs'>;

export class HttpWebhookSender implements WebhookSender {
  constructor(private readonly options: WebhookSenderOptions) {}

  async send(message: WebhookMessage): Promise<DeliveryAttempt> {
    const { clock, metrics, logger } = this.options;
    message.signal.throwIfAborted();
    const startedAt = clock.monotonic();
    const outcome = await this.attempt(message);
    const attempt = { ...outcome, durationMs: Math.round(clock.monotonic() - startedAt) };
    metrics.count('webhook_attempts_total', { outcome: attempt.fault ?? 'delivered' });
    const url = URL.canParse(message.url) ? loggedUrl(new URL(message.url)) : {};
    const { fault = 'none', status, durationMs } = attempt;
    logger.debug({ ...url, fault, durationMs, ...(status !== undefined && { status }) }, 'a webhook was sent');
    return attempt;
  }

  close(): Promise<void> {
    return this.options.client.close();
  }

  private async attempt({
    id,
    url: text,
    body,
    secrets,
    headers,
    allowedHosts,
    signal,
  }: WebhookMessage): Promise<Outcome> {
    const { client, permitsPort, deniedHosts, timeoutMs, userAgent, clock, logger } = this.options;
    const url = parseSourceUrl(text, permitsPort);
    if (typeof url === 'string' || isListed(url, deniedHosts) || (allowedHosts && !isListed(url, allowedHosts)))
      return { fault: 'address-forbidden' };
    const ours = webhookHeaders(id, clock.now(), body, secrets);
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(new DeadlinePassed('the receiver took too long')), timeoutMs);
    try {
      const answer = await client.ask({
        method: 'POST',
        url,
        headers: {
          ...lowerCased(headers),
          'user-agent': userAgent,
          'content-type': 'application/json',
          ...ours,
        },
        body,
        signal: AbortSignal.any([signal, deadline.signal]),
      });
      return await this.judge(answer);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const { reason, isKnown } = networkFaultOf(error);
      if (!isKnown) logger.warn({ error, host: url.host }, 'a receiver could not be reached, for an unknown reason');
      return { fault: FAULTS[reason] };
    } finally {
      clearTimeout(timer);
    }
  }

  private async judge(answer: Answer): Promise<Outcome> {
    const { statusCode: status } = answer;
    const fault = faultOf(status);
    const wait = fault === undefined ? undefined : retryAfterMs(answer, this.options.clock.now(), MAX_RETRY_AFTER_MS);
    const text = await beginningOf(answer.body);
    return {
      fault,
      status,
      ...(text !== '' && { answer: text }),
      ...(wait !== undefined && { retryAfterMs: wait }),
    };
  }
}

/** Names in one spelling, so that ours replace others. */
function lowerCased(headers: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

const FAULTS = {
  'address-forbidden': 'address-forbidden',
  'source-timeout': 'timeout',
  'source-unavailable': 'unreachable',
} as const satisfies Record<string, DeliveryFault>;

function faultOf(status: number): DeliveryFault | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status >= 300 && status < 400) return 'redirect';
  return status === 410 ? 'gone' : 'status';
}

/** The first bytes as text. A body that hangs or breaks changes nothing: the status has been told. */
async function beginningOf(body: Answer['body']): Promise<string> {
  const kept: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (bytes < KEPT_BYTES) kept.push(chunk.subarray(0, KEPT_BYTES - bytes));
      bytes += chunk.length;
      if (bytes > READ_BYTES) break;
    }
  } catch {
    // What came so far is kept.
  }
  return Buffer.concat(kept).toString('utf8');
}
