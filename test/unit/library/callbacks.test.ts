// The end of an import is told: by a job of its own, signed, again and again as the schedule says, and never for ever.
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import {
  admitted,
  callableAt,
  DISABLED_AFTER_MS,
  deliveryWaitMs,
  FAILURES_TO_REST,
  MAX_DELIVERY_ATTEMPTS,
  type ReceiverState,
  receiverAfter,
  receiverOf,
} from '../../../src/kernel/library/delivery.js';
import type { TenantId } from '../../../src/kernel/library/ids.js';
import type { ImportJob } from '../../../src/kernel/library/import-job.js';
import type { Deliveries } from '../../../src/kernel/ports/deliveries.js';
import type { DeliveryAttempt, WebhookMessage, WebhookSender } from '../../../src/kernel/ports/webhook-sender.js';
import { parseHostRule } from '../../../src/kernel/source-url.js';
import { CallbackWorker, replayCallback } from '../../../src/library/callback-worker.js';
import type { Hold } from '../../../src/library/job-runner.js';
import { FakeTenants, failure, openImportFlow, tenantOf } from '../../support/import-flow.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe('the schedule', () => {
  test('has eight attempts over 25 to 32 hours, and never comes before the receiver wants it', () => {
    const total = (share: number) => {
      let sum = 0;
      for (let attempts = 1; attempts < MAX_DELIVERY_ATTEMPTS; attempts++) sum += deliveryWaitMs(attempts, share) ?? 0;
      return sum / HOUR_MS;
    };
    expect(MAX_DELIVERY_ATTEMPTS).toBe(8);
    expect(deliveryWaitMs(8, 0.5)).toBeUndefined();
    expect(deliveryWaitMs(1, 1)).toBe(5_000);
    expect(deliveryWaitMs(2, 0)).toBe(240_000);
    expect(total(0)).toBeGreaterThan(25);
    expect(total(1)).toBeLessThan(32);
    expect(deliveryWaitMs(1, 0.5, 60_000)).toBe(60_000);
  });

  test('lets a receiver that failed ten times in a row be tried once a minute', () => {
    let state: ReceiverState | undefined;
    for (let failed = 1; failed <= FAILURES_TO_REST; failed++) {
      expect(callableAt(state, 1_000)).toBe(1_000);
      state = receiverAfter(state, { fault: 'status' }, 1_000);
    }
    expect(callableAt(state, 1_000)).toBe(61_000);
    expect(callableAt(state, 100_000)).toBe(100_000);
    // A clock that was set back.
    expect(callableAt(state, 0)).toBe(60_000);
    expect(receiverAfter(state, { fault: undefined }, 2_000)).toBeUndefined();
  });

  test('calls one no more that has failed for three days, ten times at least, with no day in between', () => {
    const failedAt = (...times: readonly number[]): ReceiverState | undefined =>
      times.reduce<ReceiverState | undefined>((state, at) => receiverAfter(state, { fault: 'timeout' }, at), undefined);
    const often = Array.from({ length: 12 }, (_, n) => (n * DISABLED_AFTER_MS) / 12);
    expect(failedAt(...often)).not.toHaveProperty('disabled');
    expect(failedAt(...often, DISABLED_AFTER_MS)).toMatchObject({ disabled: 'failing', failures: 13 });
    const seldom = [0, DAY_MS, 2 * DAY_MS, DISABLED_AFTER_MS];
    expect(failedAt(...seldom)).not.toHaveProperty('disabled');
    const weekly = Array.from({ length: 50 }, (_, week) => week * 7 * DAY_MS);
    expect(failedAt(...weekly)).toMatchObject({ failures: 1, failingSince: 49 * 7 * DAY_MS });
    expect(failedAt(...weekly)).not.toHaveProperty('disabled');
  });

  test('takes a 410 for an answer about one delivery, after which its receiver is as good as any', () => {
    const failing = receiverAfter(undefined, { fault: 'timeout' }, 5);
    expect(receiverAfter(failing, { fault: 'gone' }, 6)).toBeUndefined();
  });

  test('gives the one attempt at a receiver that rests to who asks first', () => {
    let state: ReceiverState | undefined;
    for (let failed = 1; failed <= FAILURES_TO_REST; failed++) state = receiverAfter(state, { fault: 'status' }, 1_000);
    expect(admitted(state, 60_999)).toEqual({ at: 61_000, state });
    const probe = admitted(state, 61_000);
    expect(probe.at).toBe(61_000);
    expect(admitted(probe.state, 61_000).at).toBe(121_000);
    expect(admitted(probe.state, 121_000).at).toBe(121_000);
  });

  test('tells receivers apart by their queries, and shows none of these', () => {
    const [one, other] = ['one', 'other'].map((token) => receiverOf(`https://example.com/hook?token=${token}`));
    expect(receiverOf('https://example.com/hook')).toBe('https://example.com/hook');
    expect(one).toMatch(/^https:\/\/example\.com\/hook\?sha256=[0-9a-f]{16}$/);
    expect(one).not.toBe(other);
  });
});

class FakeSender implements WebhookSender {
  readonly sent: WebhookMessage[] = [];
  answer: Omit<DeliveryAttempt, 'durationMs'> = { fault: undefined, status: 200 };

  async send(message: WebhookMessage): Promise<DeliveryAttempt> {
    this.sent.push(message);
    return { ...this.answer, durationMs: 1 };
  }

  async close(): Promise<void> {}
}

describe('a callback', () => {
  const tenant = tenantOf({ webhookSecrets: ['whsec_AAAA'], allowedHosts: [parseHostRule('example.com')] });
  const url = 'https://example.com/hook?token=secret';
  const giveUp = new AbortController().signal;
  const hold: Hold = { lost: giveUp, giveUp, note: async () => undefined };
  let flow: Awaited<ReturnType<typeof openImportFlow>>;
  let sender: FakeSender;
  let deliveries: Deliveries;
  let worker: CallbackWorker;
  let tenants: FakeTenants;
  beforeEach(async () => {
    flow = await openImportFlow(tenant);
    [sender, deliveries, tenants] = [new FakeSender(), flow.deliveries, new FakeTenants([tenant])];
    worker = new CallbackWorker({
      ...flow,
      tenants,
      sender,
      deliveries,
      letterOf: ({ dialect, id, ended }: ImportJob) =>
        dialect === 'livingdocs' ? { body: JSON.stringify({ id, ended }), headers: { 'x-own': '1' } } : undefined,
      share: () => 1,
    });
  });
  afterEach(() => flow.dispose());

  /** An import of one image that has ended; its job. */
  async function ended(dialect = 'livingdocs'): Promise<ImportJob> {
    flow.fetcher.answers.set('/a.jpg', failure('source-not-found'));
    const item = { url: 'https://example.com/a.jpg', title: 'a' };
    const accepted = await flow.service.acceptImport(tenant, { dialect, items: [item], callback: { url } });
    if (accepted.outcome !== 'accepted') throw new Error(`expected it to be accepted, got ${accepted.outcome}`);
    const [claim] = await flow.jobs.claim({ kind: 'import-item', limit: 1, leaseMs: 60_000 });
    if (claim === undefined) throw new Error('expected the item in the queue');
    const ending = await flow.worker.run(claim, hold);
    expect(ending.kind).toBe('done');
    if (ending.kind === 'done') await flow.jobs.finish(claim, ending.effects);
    return accepted.job;
  }

  /** As what each retry was counted. */
  let reasons: (string | undefined)[] = [];

  /** What is due is done once; how many there were. */
  async function work(): Promise<number> {
    const claims = await flow.jobs.claim({ kind: 'callback', limit: 10, leaseMs: 60_000 });
    for (const claim of claims) {
      const ending = await worker.run(claim, hold);
      if (ending.kind === 'done') await flow.jobs.finish(claim, ending.effects);
      else {
        reasons.push(ending.reason);
        await flow.jobs.retryAt(claim, ending.at, ending.retry);
      }
    }
    return claims.length;
  }

  it('is no sooner than a second after the import was accepted, with the words of its dialect and the secrets of its tenant', async () => {
    const { id } = await ended();
    expect(await work()).toBe(0);
    flow.clock.advance(1_000);
    expect(await work()).toBe(1);
    expect(sender.sent).toEqual([
      {
        id: `import_${id}`,
        url,
        body: JSON.stringify({ id, ended: { succeeded: 0, skipped: 0, failed: 1, cancelled: 0 } }),
        headers: { 'x-own': '1' },
        secrets: ['whsec_AAAA'],
        allowedHosts: tenant.allowedHosts,
        signal: expect.any(AbortSignal),
      },
    ]);
    flow.clock.advance(10 * DAY_MS);
    expect(await work()).toBe(0);
    expect(await deliveries.log(tenant.context, receiverOf(url))).toMatchObject([{ end: 'delivered', attempt: 1 }]);
  });

  it('is tried eight times with the same id, then given up; the status stays', async () => {
    sender.answer = { fault: 'status', status: 500, answer: 'no' };
    const { id } = await ended();
    flow.clock.advance(1_000);
    for (let hours = 0; hours < 40; hours++) {
      for (let minute = 0; minute < 60; minute++) {
        await work();
        flow.clock.advance(60_000);
      }
    }
    expect(sender.sent).toHaveLength(8);
    expect(new Set(sender.sent.map((message) => message.id)).size).toBe(1);
    const log = await deliveries.log(tenant.context, receiverOf(url));
    expect(log.map(({ attempt, end }) => [attempt, end])).toEqual([
      [8, 'dead'],
      ...[7, 6, 5, 4, 3, 2, 1].map((attempt) => [attempt, 'again']),
    ]);
    expect(log[0]?.said).toMatchObject({ status: 500, answer: 'no' });
    expect(await flow.service.findImport(tenant.context, id)).toMatchObject({ ended: { failed: 1 } });
    expect(flow.logger.text).toContain('given up');
    expect(flow.logger.text).not.toContain('secret');
  });

  it('that is answered by 410 is given up at once, and says nothing of the next one', async () => {
    sender.answer = { fault: 'gone', status: 410 };
    await ended();
    flow.clock.advance(1_000);
    await work();
    flow.clock.advance(DAY_MS);
    expect(await work()).toBe(0);
    await ended();
    flow.clock.advance(1_000);
    await work();
    expect(sender.sent).toHaveLength(2);
    expect(await deliveries.failing()).toEqual([]);
    expect((await deliveries.log(tenant.context, receiverOf(url))).map(({ end }) => end)).toEqual(['dead', 'dead']);
  });

  it('to a receiver that has failed for three days is not sent until it is enabled, and can be told again', async () => {
    const timeout = { fault: 'timeout', durationMs: 1 } as const;
    const sent = { id: 'x', context: tenant.context, receiver: receiverOf(url), attempt: 1, end: 'again' } as const;
    for (let failed = 0; failed < FAILURES_TO_REST; failed++) {
      await deliveries.note({ ...sent, at: flow.clock.now(), said: timeout });
      flow.clock.advance(DISABLED_AFTER_MS / FAILURES_TO_REST);
    }
    await deliveries.note({ ...sent, at: flow.clock.now(), said: timeout });
    const again = await ended();
    flow.clock.advance(1_000);
    await work();
    expect(sender.sent).toHaveLength(0);
    expect(await deliveries.failing()).toMatchObject([{ receiver: receiverOf(url), state: { disabled: 'failing' } }]);
    expect(await deliveries.enable(tenant.context, receiverOf(url))).toBe(true);
    sender.answer = { fault: undefined, status: 200 };
    const job = await flow.service.findImport(tenant.context, again.id);
    expect(job && (await replayCallback(flow.assets, flow.jobs, job))).toBe(true);
    await work();
    expect(sender.sent.map((message) => message.id)).toEqual([`import_${again.id}`]);
    expect(await deliveries.failing()).toEqual([]);
  });

  it('waits where its receiver rests, and that costs no attempt', async () => {
    sender.answer = { fault: 'unreachable' };
    for (let count = 0; count < FAILURES_TO_REST; count++) await ended();
    flow.clock.advance(1_000);
    reasons = [];
    await work();
    expect(reasons).toEqual(Array(FAILURES_TO_REST).fill('receiver-unreachable'));
    const late = await ended();
    flow.clock.advance(1_000);
    const before = sender.sent.length;
    expect(await work()).toBeGreaterThan(0);
    expect(reasons.at(-1)).toBe('receiver-rests');
    expect(sender.sent).toHaveLength(before);
    expect(await flow.jobs.find('callback', late.id)).toMatchObject({ attempts: 0 });
    // All of them are due, and one of them tries it.
    flow.clock.advance(60_000);
    while ((await work()) > 0);
    expect(sender.sent.length).toBe(before + 1);
    sender.answer = { fault: undefined, status: 200 };
    flow.clock.advance(60_000);
    while ((await work()) > 0);
    for (let minutes = 0; minutes < 10; minutes++) {
      flow.clock.advance(60_000);
      while ((await work()) > 0);
    }
    expect(sender.sent.length).toBe(before + 1 + FAILURES_TO_REST + 1);
  });

  it('that policy forbids is not tried again, and one that nobody has words for is not sent', async () => {
    sender.answer = { fault: 'address-forbidden' };
    await ended();
    await ended('unknown');
    flow.clock.advance(1_000);
    expect(await work()).toBe(2);
    flow.clock.advance(DAY_MS);
    expect(await work()).toBe(0);
    expect(sender.sent).toHaveLength(1);
  });

  it('is signed with the secrets of the tenant that sent the import, also where another shares its context', async () => {
    tenants.tenants = [tenantOf({ ...tenant, id: 'first' as TenantId, webhookSecrets: ['whsec_BBBB'] }), tenant];
    await ended();
    flow.clock.advance(1_000);
    await work();
    expect(sender.sent.map(({ secrets }) => secrets)).toEqual([['whsec_AAAA']]);
  });

  it('waits where its tenant is not known, without an attempt, and is dropped once it was not known for a day', async () => {
    tenants.tenants = [];
    const { id } = await ended();
    flow.clock.advance(1_000);
    expect(await work()).toBe(1);
    expect(await flow.jobs.find('callback', id)).toMatchObject({ attempts: 0 });
    tenants.tenants = [tenant];
    flow.clock.advance(60_000);
    expect(await work()).toBe(1);
    expect(sender.sent).toHaveLength(1);

    tenants.tenants = [];
    await ended();
    flow.clock.advance(1_000);
    await work();
    flow.clock.advance(DAY_MS);
    await work();
    flow.clock.advance(60_000);
    await work();
    tenants.tenants = [tenant];
    flow.clock.advance(DAY_MS);
    expect(await work()).toBe(0);
    expect(sender.sent).toHaveLength(1);
    expect(flow.logger.text).toContain('has not been known for long');
  });

  it('of an import that has not ended, or that asked for none, is not replayed', async () => {
    const job = { ...(await ended()), callback: undefined };
    expect(await replayCallback(flow.assets, flow.jobs, job as never)).toBe(false);
  });
});
