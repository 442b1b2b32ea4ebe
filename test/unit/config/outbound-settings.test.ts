// Settings of fetching and of webhooks as an operator gives them, and what the outbound room makes of them.
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { isListed } from '../../../src/kernel/source-url.js';
import { outboundSettingsOf, ownPlaces } from '../../../src/outbound-settings.js';

const load = (environment: Record<string, string> = {}) => loadConfig({ environment });

function reportOf(environment: Record<string, string>): string {
  try {
    load(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.report;
    throw error;
  }
  throw new Error('expected the configuration to be refused');
}

describe('fetching', () => {
  test('is shut to private places by default, and has the limits of the documentation', () => {
    expect(outboundSettingsOf(load())).toEqual({
      allow: [],
      ports: [80, 443],
      hosts: undefined,
      deniedHosts: [],
      maxRedirects: 5,
      connectTimeoutMs: 5_000,
      headersTimeoutMs: 10_000,
      idleTimeoutMs: 10_000,
      timeoutMs: 60_000,
      minBytesPerSecond: 10_000,
      concurrency: 16,
      hostConcurrency: 4,
      hostFailures: 5,
      hostRestMs: 30_000,
      webhookTimeoutMs: 15_000,
    });
  });

  test('is opened to exact places alone', () => {
    const { allow } = outboundSettingsOf(
      load({ PROOFSHEET_FETCH_ALLOW: '127.0.0.1:9000, [::1]:80,[::FFFF:10.0.0.1]:1' }),
    );
    expect(allow).toEqual([
      { address: '127.0.0.1', port: 9_000 },
      { address: '::1', port: 80 },
      { address: '::ffff:a00:1', port: 1 },
    ]);
    for (const text of [
      'localhost:80',
      '127.0.0.1',
      '10.0.0.0/8:80',
      '127.1:80',
      '0x7f000001:80',
      '127.0.0.1:0',
      '::1:80',
      '*:80',
    ])
      expect(reportOf({ PROOFSHEET_FETCH_ALLOW: text })).toMatch(/PROOFSHEET_FETCH_ALLOW.*entry 1/);
  });

  test('takes ports, hosts and limits from the environment', () => {
    const settings = outboundSettingsOf(
      load({
        PROOFSHEET_FETCH_PORTS: '80,443,8080',
        PROOFSHEET_FETCH_HOSTS: '*.example.com',
        PROOFSHEET_FETCH_DENIED_HOSTS: 'bad.example.com:8080',
        PROOFSHEET_FETCH_MAX_REDIRECTS: '0',
        PROOFSHEET_FETCH_CONCURRENCY: '2',
        PROOFSHEET_FETCH_HOST_CONCURRENCY: '1',
        PROOFSHEET_WEBHOOK_TIMEOUT_MS: '1000',
      }),
    );
    expect(settings).toMatchObject({
      ports: [80, 443, 8080],
      allowedHosts: [{ host: 'example.com', isSuffix: true }],
      deniedHosts: [{ host: 'bad.example.com', isSuffix: false, port: 8080 }],
      maxRedirects: 0,
      concurrency: 2,
      hostConcurrency: 1,
      webhookTimeoutMs: 1_000,
    });
    expect(reportOf({ PROOFSHEET_FETCH_PORTS: '80,65536' })).toContain('PROOFSHEET_FETCH_PORTS');
    expect(reportOf({ PROOFSHEET_FETCH_HOSTS: 'http://example.com' })).toMatch(/PROOFSHEET_FETCH_HOSTS.*entry 1/);
    expect(reportOf({ PROOFSHEET_FETCH_HOST_CONCURRENCY: '17' })).toContain('at most fetch.concurrency');
    expect(reportOf({ PROOFSHEET_FETCH_IDLE_TIMEOUT_MS: '60001' })).toContain('at most fetch.timeoutMs');
  });

  test('never leads to the stores behind this server, whatever is allowed', () => {
    const { deniedHosts } = outboundSettingsOf(
      load({
        PROOFSHEET_REDIS_URL: 'redis+cluster://redis-1.internal:7000,[fd00::1]:7001',
        PROOFSHEET_REDIS_RECORD_KEYS: 'unsealed',
        PROOFSHEET_S3_ENDPOINT: 'https://s3.internal',
        PROOFSHEET_S3_BUCKET: 'previews',
      }),
    );
    const denies = (url: string) => isListed(new URL(url), deniedHosts);
    for (const url of ['http://redis-1.internal:7000/', 'http://[fd00::1]:7001/', 'https://s3.internal/previews/x'])
      expect([url, denies(url)]).toEqual([url, true]);
    for (const url of ['http://redis-1.internal/', 'https://s3.internal:8443/', 'https://example.com/'])
      expect([url, denies(url)]).toEqual([url, false]);
  });

  test('never leads to this server itself', () => {
    const places = ownPlaces(() => [8005, 8443])();
    for (const port of [8005, 8443])
      for (const address of ['127.0.0.1', '0.0.0.0', '::']) expect(places).toContainEqual({ address, port });
  });
});
