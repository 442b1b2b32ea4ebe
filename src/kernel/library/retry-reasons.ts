// Why durable work is tried again: what is counted of it, and shown to operators. Pure.
import { IMPORT_REASONS } from '../import-reasons.js';
import { DELIVERY_FAULTS } from '../ports/webhook-sender.js';

/** Of the receiver of a webhook; `receiver-rests`: it failed ten times in a row, and is tried once a minute. */
const RECEIVER_REASONS = [...DELIVERY_FAULTS.map((fault) => `receiver-${fault}` as const), 'receiver-rests'] as const;

/** Of the origin (see `IMPORT_REASONS`), of the receiver, or of this server (`internal`). */
export const RETRY_REASONS = [...IMPORT_REASONS, ...RECEIVER_REASONS] as const;
/** A metric label. */
export type RetryReason = (typeof RETRY_REASONS)[number];
