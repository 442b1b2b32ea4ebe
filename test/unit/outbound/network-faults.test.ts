// Whatever a connection or a body fails with, known or not, is an end that is told: nobody is asked again and again for ever.
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HostLimits } from '../../../src/outbound/host-limits.js';
import type { HttpClient } from '../../../src/outbound/http-client.js';
import { HttpSourceFetcher } from '../../../src/outbound/http-source-fetcher.js';
import { HttpWebhookSender } from '../../../src/outbound/http-webhook-sender.js';
import { SharedFlights } from '../../../src/outbound/shared-flights.js';
import { systemClock } from '../../../src/telemetry/clock.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { FakeMetrics } from '../../support/fake-metrics.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const coded = (code: string) => Object.assign(new Error('told by the network'), { code });
const CERTIFICATE = ['INVALID_CA', 'INVALID_PURPOSE', 'PATH_LENGTH_EXCEEDED', 'HOSTNAME_MISMATCH', 'OUT_OF_MEM'];
const UNKNOWN: readonly [string, unknown][] = [
  ['an error of no code', new Error('something else')],
  ['a code of no rule', coded('NEVER_HEARD_OF')],
  ['what is no error', 'a text'],
];
const ERRORS: readonly [string, unknown][] = [
  ...[...CERTIFICATE, 'UNSPECIFIED'].map((code): [string, unknown] => [code, coded(code)]),
  ...UNKNOWN,
];
const NEVER = new AbortController().signal;

let dir: TempDir;
let logger: FakeLogger;
beforeEach(async () => {
  [dir, logger] = [await tempDir(), new FakeLogger()];
});
afterEach(() => dir.remove());

const clientOf = (ask: () => Promise<unknown>) => ({ ask, close: async () => undefined }) as unknown as HttpClient;
/** A body that breaks after its first bytes. */
const breaking = (error: unknown) =>
  Readable.from(
    (async function* () {
      yield Buffer.from('some');
      throw error;
    })(),
  );
const shared = () => ({
  permitsPort: () => true,
  deniedHosts: [],
  userAgent: 'test',
  clock: systemClock,
  logger,
  metrics: new FakeMetrics(),
});

function fetcherOf(ask: () => Promise<unknown>): HttpSourceFetcher {
  return new HttpSourceFetcher({
    ...shared(),
    client: clientOf(ask),
    hosts: new HostLimits({
      total: 4,
      perHost: 4,
      maxWaitMs: 60_000,
      failures: 1_000,
      restMs: 60_000,
      clock: systemClock,
    }),
    maxRedirects: 3,
    totalTimeoutMs: 60_000,
    bodyLimits: { minBytesPerSecond: 1, graceMs: 60_000 },
    dir: dir.path,
  });
}

const fetch = (ask: () => Promise<unknown>) =>
  fetcherOf(ask).fetch({ url: 'https://example.com/a.jpg', maxBytes: 1_000, signal: NEVER });
const send = (ask: () => Promise<unknown>) =>
  new HttpWebhookSender({ ...shared(), client: clientOf(ask), timeoutMs: 60_000 }).send({
    id: 'dlv_1',
    url: 'https://example.com/hook',
    body: '{}',
    secrets: [],
    signal: NEVER,
  });

describe.each(ERRORS)('%s', (_, error) => {
  const failed = { kind: 'failed', reason: 'source-unavailable', isTransient: true, wasTried: true };

  it('from a connection means that the source is unavailable, and the receiver unreachable', async () => {
    expect(await fetch(() => Promise.reject(error))).toMatchObject(failed);
    expect(await send(() => Promise.reject(error))).toMatchObject({ fault: 'unreachable' });
  });

  it('from a body means that the source is unavailable, and nothing to the receiver that has told its status', async () => {
    const answer = async () => ({ statusCode: 200, headers: {}, body: breaking(error) });
    expect(await fetch(answer)).toMatchObject(failed);
    expect(await send(answer)).toMatchObject({ fault: undefined, status: 200, answer: 'some' });
  });
});

it('says in the log what no rule knows, and says nothing of what one knows', async () => {
  await fetch(() => Promise.reject(coded('INVALID_CA')));
  await fetch(() => Promise.reject(coded('ECONNRESET')));
  expect(logger.at('warn')).toEqual([]);
  await fetch(() => Promise.reject(coded('NEVER_HEARD_OF')));
  await send(() => Promise.reject(coded('NEVER_HEARD_OF')));
  expect(logger.at('warn')).toHaveLength(2);
});

it('says of a certificate that there is no secure connection', async () => {
  for (const code of CERTIFICATE)
    expect(await fetch(() => Promise.reject(coded(code)))).toMatchObject({
      message: expect.stringContaining('secure connection'),
    });
});

describe('a flight that nobody waits for', () => {
  it('ends in silence where what is done last fails', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    try {
      const last = vi.fn(() => Promise.reject(new Error('the file cannot be removed')));
      const flight = new SharedFlights<string>(last).join('a', async () => 'there');
      await flight.result;
      flight.leave();
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(last).toHaveBeenCalledTimes(1);
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.off('unhandledRejection', unhandled);
    }
  });
});
