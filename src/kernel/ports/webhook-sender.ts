// The port to the receivers of webhooks: one attempt of one delivery, signed.
import type { HostRule } from '../source-url.js';

export interface WebhookMessage {
  /** `webhook-id`: the same for every attempt. */
  readonly id: string;
  /** One that `parseSourceUrl` takes. */
  readonly url: string;
  /** JSON, sent byte for byte as it is signed. */
  readonly body: string;
  /** `whsec_` and base64 of 24 to 64 bytes, or any other text, whose UTF-8 bytes are the key: each of them signs; none: unsigned. */
  readonly secrets: readonly string[];
  /** Hosts that may be called; absent: all public ones. */
  readonly allowedHosts?: readonly HostRule[];
  /** Of a dialect or an operator, beside those of Standard Webhooks, which they cannot replace. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export const DELIVERY_FAULTS = ['address-forbidden', 'unreachable', 'timeout', 'redirect', 'gone', 'status'] as const;
/** Why an attempt failed; a metric label. */
export type DeliveryFault = (typeof DELIVERY_FAULTS)[number];

export interface DeliveryAttempt {
  /** `undefined`: the receiver has it (2xx). */
  readonly fault: DeliveryFault | undefined;
  /** Of the answer, where there was one. */
  readonly status?: number;
  /** The first 1,000 bytes of the answer as text, for the delivery log. */
  readonly answer?: string;
  readonly durationMs: number;
  /** Ms before which the receiver wants no other attempt, at most a day. */
  readonly retryAfterMs?: number;
}

/** Sends webhooks under the same rules for addresses as sources are fetched. */
export interface WebhookSender {
  /** Never rejects for what a receiver does; rejects with the signal's reason when it aborts. */
  send(message: WebhookMessage): Promise<DeliveryAttempt>;
  close(): Promise<void>;
}
