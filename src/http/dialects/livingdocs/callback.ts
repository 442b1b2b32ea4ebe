// What Livingdocs says to whoever asked to be told that an import has ended: a few figures; who wants more asks for the status.
import { createHmac } from 'node:crypto';
import type { ImportJob } from '../../../kernel/library/import-job.js';
import type { Letter } from '../../../library/letter.js';

/** Beside the signature of Standard Webhooks that of Livingdocs' own webhooks, by the first secret: it has no word for two. */
export function livingdocsLetter({ id, items, ended, callback }: ImportJob, secrets: readonly string[]): Letter {
  const body = JSON.stringify({
    source: 'livingdocs-image-import',
    id,
    state: 'success',
    overview: {
      total: items,
      details: { success: ended.succeeded, skipped: ended.skipped, failed: ended.failed + ended.cancelled },
    },
    ...(callback?.context !== undefined && { context: callback.context }),
  });
  const [secret] = secrets;
  const signature = secret === undefined ? undefined : createHmac('sha256', secret).update(body).digest('hex');
  return { body, headers: signature === undefined ? {} : { 'x-livingdocs-signature': `sha256=${signature}` } };
}
