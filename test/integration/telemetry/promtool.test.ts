// What a real server tells Prometheus, as Prometheus' own checker reads it: names, types, units and help texts of all metrics.
import { expect, test } from 'vitest';
import { sourceForm } from '../../support/multipart.js';
import { runSync } from '../../support/processes.js';
import { jpegOf } from '../../support/test-images.js';
import { startTestServer } from '../../support/test-server.js';
import { requireTool } from '../../support/tools.js';

/** What promtool says of `text`; nothing when it has nothing to say. */
async function lint(text: string): Promise<{ status: number | null; said: string }> {
  const { status, stdout, stderr } = runSync(await requireTool('promtool'), ['check', 'metrics'], { input: text });
  return { status, said: stdout + stderr };
}

test('promtool has nothing to say of the metrics of a server that has worked', { timeout: 180_000 }, async () => {
  const server = await startTestServer();
  try {
    const made = await fetch(`${server.url}/cacheAndGetImage/photo/auto:80x80`, {
      method: 'POST',
      body: sourceForm(await jpegOf(320, 240)),
    });
    expect([made.status, (await made.arrayBuffer()).byteLength > 0]).toEqual([200, true]);
    expect((await fetch(`${server.url}/getImage/unknown/auto:80x80`)).status).toBe(404);
    const text = await (await fetch(`${server.origin}/metrics`)).text();
    // All three sources of figures are there: what is counted here, what is read when asked, what Node tells.
    for (const name of ['http_requests_total', 'event_loop_lag_seconds', 'nodejs_active_resources', 'tier_bytes'])
      expect(text).toContain(`# TYPE proofsheet_${name} `);
    expect(await lint(text)).toEqual({ status: 0, said: '' });
    // The checker does check: the same text with a name that breaks the rules.
    const wrong = await lint(text.replaceAll('proofsheet_queue_depth', 'proofsheet_queue_depth_total'));
    expect(wrong.status).not.toBe(0);
    expect(wrong.said).toContain('proofsheet_queue_depth_total');
  } finally {
    await server.close();
  }
});
