// The use cases of endpoints: registering them, trying one, what was said to them, and saying it again. Knows no dialect.
import { randomUUID } from 'node:crypto';
import type { Context } from '../kernel/image-key.js';
import { receiverOf } from '../kernel/library/delivery.js';
import type { Endpoint, WantedEndpoint } from '../kernel/library/endpoint.js';
import type { Tenant } from '../kernel/library/tenant.js';
import type { Deliveries, LoggedDelivery } from '../kernel/ports/deliveries.js';
import type { Endpoints } from '../kernel/ports/endpoints.js';
import type { Jobs } from '../kernel/ports/jobs.js';
import type { DeliveryAttempt, WebhookSender } from '../kernel/ports/webhook-sender.js';
import type { Letter } from './letter.js';

export interface WebhookServiceDeps {
  readonly endpoints: Endpoints;
  readonly deliveries: Deliveries;
  readonly jobs: Pick<Jobs, 'enqueue' | 'hasten'>;
  readonly sender: WebhookSender;
}

/** An attempt as it is shown. */
export interface ShownDelivery extends LoggedDelivery {
  /** Names the attempt: `<webhook-id>_<Unix ms>`. */
  readonly name: string;
}

/** A try of a URL has this long. */
const TEST_MS = 15_000;

export class WebhookService {
  constructor(private readonly deps: WebhookServiceDeps) {}

  list(context: Context): Promise<readonly Endpoint[]> {
    return this.deps.endpoints.list(context);
  }

  async find(context: Context, id: number): Promise<Endpoint | undefined> {
    return (await this.list(context)).find((endpoint) => endpoint.id === id);
  }

  /** `undefined`: there are as many as there may be. */
  add({ id: tenantId, context }: Tenant, wanted: Omit<WantedEndpoint, 'tenantId'>): Promise<Endpoint | undefined> {
    return this.deps.endpoints.add(context, { ...wanted, tenantId });
  }

  /** `undefined` when there is none. Whoever changes it answers for it from then on. */
  change(
    { id: tenantId, context }: Tenant,
    id: number,
    change: Partial<WantedEndpoint>,
  ): Promise<Endpoint | undefined> {
    return this.deps.endpoints.change(context, id, { ...change, tenantId });
  }

  /** `false` when there is none. */
  remove(context: Context, id: number): Promise<boolean> {
    return this.deps.endpoints.remove(context, id);
  }

  /** Sends a letter to the URL at once, noted nowhere. */
  try({ webhookSecrets: secrets, allowedHosts }: Tenant, url: string, letter: Letter): Promise<DeliveryAttempt> {
    return this.deps.sender.send({
      ...{ id: `test_${randomUUID()}`, url, body: letter.body, headers: letter.headers, secrets },
      ...(allowedHosts && { allowedHosts }),
      signal: AbortSignal.timeout(TEST_MS),
    });
  }

  /** What was said to the endpoint, the latest first. */
  async log({ id, url }: Endpoint, context: Context): Promise<readonly ShownDelivery[]> {
    const log = await this.deps.deliveries.log(context, receiverOf(url));
    return log
      .filter(({ told }) => told?.notice.endpoint === id)
      .map((delivery) => ({ ...delivery, name: `${delivery.id}_${Math.round(delivery.at)}` }));
  }

  /** Says it once more, in the same words and by the same id, whatever became of it before; what waits for its next try waits no longer. */
  async replay({ context, id, told }: LoggedDelivery): Promise<boolean> {
    if (told === undefined) return false;
    const { notice, body } = told;
    const name = id.replace(/^asset_/, '').replaceAll('_', '.');
    await this.deps.jobs.enqueue([{ kind: 'webhook', id: name, context, payload: { ...notice, body } }]);
    await this.deps.jobs.hasten('webhook', name);
    return true;
  }
}
