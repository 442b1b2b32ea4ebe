// What of the settings is taken over while a process serves, and what is not.
import { describe, expect, it } from 'vitest';
import { Protection } from '../../../src/compose-settings.js';
import { LiveSettings } from '../../../src/config/live-settings.js';
import { readGiven } from '../../../src/config/load-config.js';
import { allSettings } from '../../../src/config/schema.js';

const given = (environment: Record<string, string>) => readGiven(environment);
const TOKEN = 'a-token-of-16-characters';

describe('settings that are read again', () => {
  it('are taken over where they reload, and named where they do not', () => {
    const settings = LiveSettings.of(given({ PROOFSHEET_PORT: '8001', PROOFSHEET_LOG_LEVEL: 'warn' }));
    const changes = settings.reload(
      given({ PROOFSHEET_PORT: '8002', PROOFSHEET_LOG_LEVEL: 'debug', PROOFSHEET_API_TOKENS: TOKEN }),
    );
    expect(changes).toEqual({ reloaded: ['access.apiTokens', 'telemetry.logLevel'], needRestart: ['server.port'] });
    expect(settings.config).toMatchObject({ server: { port: 8001 }, telemetry: { logLevel: 'debug' } });
    expect(LiveSettings.of(settings.given).config).toEqual(settings.config);
  });

  it('change nothing where anything of them is wrong, also where only both together are', () => {
    const settings = LiveSettings.of(
      given({ PROOFSHEET_DIALECTS: 'mediagraph', PROOFSHEET_URL_KEYS: `main:${TOKEN}`, PROOFSHEET_API_TOKENS: TOKEN }),
    );
    const before = settings.config;
    expect(() => settings.reload(given({ PROOFSHEET_LOG_LEVEL: 'debug', PROOFSHEET_PORT: 'none' }))).toThrow(
      'server.port',
    );
    // Right by itself; the dialect, which stays until a restart, needs a key.
    expect(() => settings.reload(given({ PROOFSHEET_LOG_LEVEL: 'debug' }))).toThrow('access.urlKeys');
    expect(settings.config).toBe(before);
  });

  it('survive the way to another process', () => {
    const settings = LiveSettings.of(
      given({ PROOFSHEET_ADMIN_PASSWORD: 'one\ntwo', PROOFSHEET_CONTEXT_WEIGHTS: 'a=2' }),
    );
    const told = JSON.parse(JSON.stringify(settings.given)) as typeof settings.given;
    expect(LiveSettings.of(told).config).toEqual(settings.config);
  });

  it('are those that docs and server know: log level, credentials that are compared here, shares of clients and contexts', () => {
    expect(
      allSettings()
        .filter(({ setting }) => setting.reloads)
        .map(({ key }) => key),
    ).toEqual([
      ...['admin.user', 'admin.password', 'access.apiTokens', 'access.urlKeys', 'access.loginFailuresPerMinute'],
      ...['clientUploadsPerSecond', 'clientUploads', 'contextUploadsPerSecond', 'contextUploads'].map(fairness),
      ...['contextMaxConversions', 'contextDrawingsPerMinute', 'contextWeights', 'contextMaxBytes'].map(fairness),
      ...['contextMaxGroups', 'shedQueueAgeMs', 'shedEventLoopLagMs'].map(fairness),
      ...['imaginary.signKey', 'telemetry.logLevel'],
    ]);
  });
});

const fairness = (name: string) => `fairness.${name}`;

describe('protection that is replaced', () => {
  const config = (environment: Record<string, string> = {}) => LiveSettings.of(given(environment)).config;

  it('says whether who may read has changed, and keeps what has not', () => {
    const protection = new Protection(config({ PROOFSHEET_API_TOKENS: TOKEN, PROOFSHEET_ADMIN_PASSWORD: 'one' }));
    const { keys, limits } = protection;
    const more = { PROOFSHEET_API_TOKENS: TOKEN, PROOFSHEET_CLIENT_UPLOADS: '3', PROOFSHEET_CONTEXT_WEIGHTS: 'a=2' };
    expect(protection.replace(config({ ...more, PROOFSHEET_ADMIN_PASSWORD: 'one' }))).toBe(false);
    expect(protection.keys).toBe(keys);
    expect(protection.limits.admins).toBe(limits.admins);
    expect(protection.limits.clientUploads).toBe(3);
    expect([protection.weightOf('a'), protection.weightOf('b')]).toEqual([2, 1]);
    expect(protection.replace(config({ PROOFSHEET_ADMIN_PASSWORD: 'two' }))).toBe(true);
    expect(protection.keys).toEqual({ tokens: [], urlKeys: [] });
    expect(protection.limits.admins).toEqual([{ user: 'admin', password: 'two' }]);
    expect(protection.replace(config({ PROOFSHEET_IMAGINARY_SIGN_KEY: 'x'.repeat(32) }))).toBe(true);
  });
});
