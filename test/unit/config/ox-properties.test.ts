// The original's property file: the syntax as Java has it, and what each property means here.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.js';
import { parseProperties } from '../../../src/config/java-properties.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { readOxProperties } from '../../../src/config/ox-properties.js';

const directory = mkdtempSync(join(tmpdir(), 'proofsheet-properties-'));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function fileOf(text: string): string {
  const path = join(directory, `${files++}.properties`);
  writeFileSync(path, text);
  return path;
}

const P = 'com.openexchange.imageconverter.';
/** As the chart 8.49 writes it with its defaults. */
const CHART = `
${P}targetFormats=auto:200x150~cover,auto:400x300~cover,auto:600x400~cover,auto:1920x1080~contain,auto:1920x1080~cover
${P}preConvert.enabled=false
${P}maxInstantQueueLength=64
${P}maxBackgroundQueueLength=256
${P}maxParallelRequests=500
${P}convertTimeoutMillis=8000
${P}imagemagick.userComment=OX_IC
${P}cache.maxKeyCount=100000
${P}cache.maxSizeMB=2048
${P}cache.keyTimeoutMinutes=43200
${P}cache.cleanupPeriodSeconds=300
${P}cache.local.maxKeyCount=1000
${P}cache.local.keyTimeoutSeconds=3600
${P}cache.local.cleanupPeriodSeconds=60
`;

const load = (environment: Record<string, string>) =>
  loadConfig({ environment, machine: { cores: 2, memoryBytes: 2 ** 32 } });
function reportOf(environment: Record<string, string>): string {
  try {
    load(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.report;
    throw error;
  }
  throw new Error('expected the configuration to be refused');
}

describe('a property file', () => {
  it.each([
    ['a=b', { a: 'b' }],
    ['  a  =  b c ', { a: 'b c ' }],
    ['a:b\rc d\r\ne', { a: 'b', c: 'd', e: '' }],
    ['# a=b\n  ! c=d\n\n\t\ne=#f', { e: '#f' }],
    ['a = b, \\\n    c\\\n  , d', { a: 'b, c, d' }],
    ['a\\ b\\=c\\:d = e', { 'a b=c:d': 'e' }],
    ['a=\\u00e4\\t\\n\\z\\\\', { a: 'ä\t\nz\\' }],
    ['a=b\\\\\nc=d', { a: 'b\\', c: 'd' }],
    ['a=1\na=2', { a: '2' }],
    ['=a', { '': 'a' }],
    ['a==b', { a: '=b' }],
    ['a=b\\', { a: 'b' }],
    ['__proto__=1', JSON.parse('{"__proto__":"1"}')],
  ])('%j is read as Java reads it', (text, expected) => {
    expect([...parseProperties(text)]).toEqual(Object.entries(expected));
  });

  it('is refused where Java refuses it', () => {
    expect(() => parseProperties('a=\\u12g4')).toThrow(/four hex digits/);
  });
});

describe('the original’s properties', () => {
  it('as its chart mounts them: every one is a setting here, or named with the reason', () => {
    const environment = { PROOFSHEET_PROFILE: 'app-suite', PROOFSHEET_OX_PROPERTIES: fileOf(CHART) };
    const config = load(environment);
    expect(config.sequence).toMatchObject({ preConvert: false });
    expect(config.sequence.targetFormats).toHaveLength(5);
    expect(config.conversion).toMatchObject({ queueLength: 64, timeoutMs: 8_000, queueTimeoutMs: 10_000 });
    expect(config.server.maxUploads).toBe(500);
    expect(config.storage).toMatchObject({
      maxGroups: 100_000,
      diskMaxBytes: 2 ** 31,
      maxAgeSeconds: 2_592_000,
      evictionIntervalSeconds: 300,
    });
    const { used, notApplicable } = readOxProperties(environment.PROOFSHEET_OX_PROPERTIES);
    expect([...used, ...Object.keys(notApplicable)].toSorted()).toEqual(
      [...parseProperties(CHART).keys()].map((name) => name.slice(P.length)).toSorted(),
    );
    expect(Object.keys(notApplicable)).toEqual([
      'maxBackgroundQueueLength',
      'imagemagick.userComment',
      'cache.local.maxKeyCount',
      'cache.local.keyTimeoutSeconds',
      'cache.local.cleanupPeriodSeconds',
    ]);
  });

  it('lie over the profile, and under everything that an operator sets here', () => {
    const environment = { PROOFSHEET_PROFILE: 'app-suite', PROOFSHEET_OX_PROPERTIES: fileOf(CHART) };
    expect(load({ ...environment, PROOFSHEET_QUEUE_LENGTH: '7' }).conversion.queueLength).toBe(7);
    const own = { conversion: { queueLength: 9 } };
    expect(load({ ...environment, NODE_CONFIG: JSON.stringify(own) }).conversion.queueLength).toBe(9);
    expect(load({ ...environment, PROOFSHEET_OX_PROPERTIES: '' }).conversion.queueLength).toBe(128);
  });

  it('without limits, unknown and empty ones', () => {
    const path = fileOf(
      `${P}cache.maxSizeMB=-1\n${P}cache.maxKeyCount=-1\n${P}cache.keyTimeoutMinutes=-1\n${P}cache.cleanupPeriodSeconds=0\n` +
        `${P}cache.remoteURL=http://cache\n${P}targetFormats=\n${P}new=1\nother.name=2\n${P}toString=3`,
    );
    expect(load({ PROOFSHEET_OX_PROPERTIES: path }).storage).toMatchObject({
      diskMaxBytes: 10 * 2 ** 30,
      maxGroups: 1_000_000_000,
      maxAgeSeconds: 0,
      evictionIntervalSeconds: 30,
    });
    expect(Object.entries(readOxProperties(path).notApplicable).map(([name, why]) => `${name}: ${why}`)).toEqual([
      'cache.maxSizeMB: there always is a limit (PROOFSHEET_DISK_MAX_BYTES)',
      'cache.cleanupPeriodSeconds: limits are always looked after (PROOFSHEET_EVICTION_INTERVAL_SECONDS)',
      'cache.remoteURL: nodes share by Redis (PROOFSHEET_REDIS_URL)',
      'targetFormats: empty',
      'new: unknown',
      'other.name: unknown',
      'toString: unknown',
    ]);
  });

  it.each([
    [
      `${P}maxInstantQueueLength=many`,
      'expected a whole number for com.openexchange.imageconverter.maxInstantQueueLength, got "many"',
    ],
    [
      `${P}maxInstantQueueLength=0`,
      'conversion.queueLength (PROOFSHEET_QUEUE_LENGTH): expected conversions, 1 to 100000; got 0',
    ],
    [`${P}targetFormats=auto`, 'sequence.targetFormats'],
    ['a=\\u1', 'four hex digits'],
  ])('%j is a fault of the configuration', (text, report) => {
    expect(reportOf({ PROOFSHEET_OX_PROPERTIES: fileOf(text) })).toContain(report);
  });

  it('of a file that is not there are a fault of the configuration', () => {
    expect(reportOf({ PROOFSHEET_OX_PROPERTIES: '/nowhere/imageconverter.properties' })).toMatch(
      /server\.oxProperties \(PROOFSHEET_OX_PROPERTIES\): expected a readable file of Java properties, got ENOENT/,
    );
  });

  it('with a ladder on demand need kept sources', () => {
    const environment = { PROOFSHEET_OX_PROPERTIES: fileOf(CHART), PROOFSHEET_KEEP_SOURCE: 'false' };
    expect(reportOf(environment)).toContain('sequence.preConvert (PROOFSHEET_PRE_CONVERT): expected true');
  });
});

describe('the data directory', () => {
  const at = (dataDir: string, fallbackDataDir?: string) =>
    load({
      PROOFSHEET_DATA_DIR: dataDir,
      ...(fallbackDataDir !== undefined && { PROOFSHEET_FALLBACK_DATA_DIR: fallbackDataDir }),
    }).storage.dataDir;
  const good = join(directory, 'good');
  mkdirSync(good);

  it('is the other one only where it cannot be written and that can', () => {
    // Below a file there is no directory, whoever asks; root may write anywhere else.
    const bad = join(fileOf(''), 'data');
    expect(at(bad)).toBe(bad);
    expect(at(bad, good)).toBe(good);
    expect(at(bad, join(good, 'new', 'er'))).toBe(join(good, 'new', 'er'));
    expect(at(join(good, 'new'), directory)).toBe(join(good, 'new'));
    expect(at(bad, join(bad, 'too'))).toBe(bad);
  });

  it('of the profile falls back to what the chart mounts', () => {
    expect(load({ PROOFSHEET_PROFILE: 'app-suite' }).storage.fallbackDataDir).toBe('/var/spool/open-xchange');
  });
});
