// Imports of new pictures from an origin, by the API of Livingdocs, as a tenant whose token is `TOKEN`.
import { setTimeout as sleep } from 'node:timers/promises';
import { ADMIN_AUTH, type Ours } from './ours.js';
import { treeCpuMs } from './process-tree.js';

export const TOKEN = 'a-token-of-16-characters';
/** Between two looks whether an import has ended. */
const LOOK_MS = 5;

/** Imports of new pictures by a batch, each until it has ended. */
export class Imports {
  private begun = 0;

  constructor(
    private readonly ours: Ours,
    private readonly origin: string,
  ) {}

  /** Processor time of the server and its converters so far, ms. */
  cpuMs(): Promise<number> {
    return treeCpuMs(this.ours.pid);
  }

  /** Resolves with how long it was from acceptance to end by the server's own clock, ms. */
  async run(count: number): Promise<number> {
    const images = Array.from({ length: count }, () => {
      const id = `picture-${this.begun++}`;
      return { url: `${this.origin}/${id}.jpg`, id, fileName: id, metadata: {} };
    });
    const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' };
    const sent = await fetch(`${this.ours.origin}/livingdocs/api/v1/import/images`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ systemName: 'bench', images }),
    });
    const { id } = (await sent.json()) as { readonly id: string };
    const status = `${this.ours.origin}/livingdocs/api/v1/import/images/status?id=${id}`;
    const isFinished = async (): Promise<boolean> =>
      ((await (await fetch(status, { headers })).json()) as { readonly finished: boolean }).finished;
    while (!(await isFinished())) await sleep(count === 1 ? LOOK_MS : 10 * LOOK_MS);
    const told = await fetch(`${this.ours.origin}/library/jobs/${id}`, { headers: { Authorization: ADMIN_AUTH } });
    const job = (await told.json()) as {
      readonly ended: { readonly succeeded: number };
      readonly acceptedAt: string;
      readonly finishedAt: string;
    };
    if (job.ended.succeeded !== count) throw new Error(`expected ${count} images, got ${JSON.stringify(job.ended)}`);
    return Date.parse(job.finishedAt) - Date.parse(job.acceptedAt);
  }
}
