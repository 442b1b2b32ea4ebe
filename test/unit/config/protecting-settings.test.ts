// Settings of access and fairness as an operator gives them; a refused one never shows a secret.
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { tokenDigest } from '../../../src/kernel/credentials.js';

const TOKEN = 'token-0123456789abcdef';
const KEY = 'k1:secret-0123456789abcdef';
const load = (environment: Record<string, string>) => loadConfig({ environment });

function reportOf(environment: Record<string, string>): string {
  try {
    load(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.report;
    throw error;
  }
  throw new Error('expected the configuration to be refused');
}

describe('access', () => {
  test('is open by default, and nothing limits clients and contexts', () => {
    const { access, fairness, storage } = load({});
    expect(access).toMatchObject({
      apiTokens: undefined,
      urlKeys: undefined,
      metadata: 'full',
      loginFailuresPerMinute: 60,
    });
    expect(fairness).toMatchObject({ clientUploadsPerSecond: 0, contextUploads: 0, contextMaxBytes: 0 });
    expect(fairness).toMatchObject({ negativeCacheSeconds: 600, negativeCacheEntries: 10_000 });
    expect(storage.deduplicate).toBe('all');
  });

  test('keeps digests of tokens alone', () => {
    const { access } = load({ PROOFSHEET_API_TOKENS: `${TOKEN}, ${TOKEN}2:a` });
    expect(access.apiTokens).toEqual([
      { digest: tokenDigest(TOKEN), contexts: undefined },
      { digest: tokenDigest(`${TOKEN}2`), contexts: new Set(['a']) },
    ]);
    expect(JSON.stringify(access)).not.toContain(TOKEN);
  });

  test('by signed URLs is refused while uploads are open to everybody, since they can read', () => {
    expect(reportOf({ PROOFSHEET_URL_KEYS: KEY })).toContain('PROOFSHEET_API_TOKENS');
    const both = { PROOFSHEET_URL_KEYS: `${KEY},k2:${TOKEN}`, PROOFSHEET_API_TOKENS: TOKEN };
    expect(load(both).access.urlKeys).toEqual([
      { id: 'k1', secret: 'secret-0123456789abcdef' },
      { id: 'k2', secret: TOKEN },
    ]);
  });

  test('to ZoomHub’s uploads needs keys, which sign their URLs', () => {
    const [uploads, keys] = [{ PROOFSHEET_ZOOMHUB_TAKES_UPLOADS: 'true' }, { PROOFSHEET_URL_KEYS: KEY }];
    expect(reportOf(uploads)).toContain('zoomhub.takesUploads');
    expect(load({ ...uploads, ...keys, PROOFSHEET_API_TOKENS: TOKEN }).zoomhub.takesUploads).toBe(true);
  });

  test('has every key id once', () => {
    const report = reportOf({ PROOFSHEET_URL_KEYS: `${KEY},${KEY}2`, PROOFSHEET_API_TOKENS: TOKEN });
    expect(report).toContain('every id once');
    expect(report).not.toContain('0123456789abcdef');
  });

  test('with a broken secret tells which entry it is, and not what', () => {
    const report = reportOf({
      PROOFSHEET_API_TOKENS: `${TOKEN},short one`,
      PROOFSHEET_ADMIN_PASSWORD: 'a\nscrypt:1:2',
    });
    expect(report).toMatch(/PROOFSHEET_API_TOKENS.*entry 2/);
    expect(report).toMatch(/PROOFSHEET_ADMIN_PASSWORD.*entry 2/);
    for (const secret of [TOKEN, 'short one', 'scrypt:1:2']) expect(report).not.toContain(secret);
  });

  test('takes passwords one a line, and a line end behind the last', () => {
    expect(load({ PROOFSHEET_ADMIN_PASSWORD: 'one, two\nthree\n' }).admin.password).toEqual(['one, two', 'three']);
    expect(reportOf({ PROOFSHEET_ADMIN_PASSWORD: 'one\n\ntwo' })).toContain('PROOFSHEET_ADMIN_PASSWORD');
  });
});

describe('fairness', () => {
  test('reads weights of contexts', () => {
    expect(load({ PROOFSHEET_CONTEXT_WEIGHTS: 'a=3,b%3D=100,=2' }).fairness.contextWeights).toEqual([
      { context: 'a', weight: 3 },
      { context: 'b=', weight: 100 },
      { context: '', weight: 2 },
    ]);
    for (const wrong of ['a', 'a=0', 'a=101', '%zz=1'])
      expect(reportOf({ PROOFSHEET_CONTEXT_WEIGHTS: wrong })).toContain('PROOFSHEET_CONTEXT_WEIGHTS');
  });

  test('reads quotas in bytes', () => {
    expect(load({ PROOFSHEET_CONTEXT_MAX_BYTES: '1.5GiB' }).fairness.contextMaxBytes).toBe(1.5 * 2 ** 30);
  });
});
