// The configuration as an operator meets it: sources, their order, and every fault in one report.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.js';
import { blankSecretNames, loadConfig, unknownEnvironmentNames } from '../../../src/config/load-config.js';
import { allSettings } from '../../../src/config/schema.js';
import { withTempDir } from '../../support/temp-dir.js';

const GIB = 2 ** 30;
const machine = { cores: 8, memoryBytes: 16 * GIB };
const load = (environment: Record<string, string> = {}, on = machine) => loadConfig({ environment, machine: on });

function reportOf(environment: Record<string, string>): string {
  try {
    load(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.report;
    throw error;
  }
  throw new Error('expected the configuration to be refused');
}

const directories: string[] = [];
function directoryWith(files: Record<string, string>): string {
  const directory = mkdtempSync(join(tmpdir(), 'proofsheet-config-'));
  directories.push(directory);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  return directory;
}
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

describe('defaults', () => {
  test('are those the documentation names', () => {
    const config = load();
    expect(config.server).toMatchObject({
      host: '127.0.0.1',
      port: 8005,
      basePath: '/imageconverter',
      healthPort: undefined,
      publicMetrics: true,
      workers: 1,
      strictErrors: false,
      strictFormats: false,
      drainTimeoutMs: 25_000,
      trustProxyHops: 0,
      corsOrigins: undefined,
      allowedHosts: undefined,
    });
    expect(config.storage).toMatchObject({ dataDir: './data', keepSource: true });
    expect(config.limits).toMatchObject({
      maxSourceBytes: 256 * 2 ** 20,
      maxSourcePixels: 2 ** 28,
      sourceTypes: ['jpeg', 'png', 'gif', 'webp', 'tiff', 'avif', 'svg'],
    });
    expect(config.sequence.targetFormats).toEqual([
      'auto:200x150',
      'auto:200x150~cover',
      'auto:800x800',
      'auto:1920x1080',
      'auto:1920x1080~cover',
    ]);
    expect(config.conversion.timeoutMs).toBe(30_000);
    expect(config.admin).toEqual({ user: 'admin', password: undefined });
    expect(config.shared.redisUrl).toBeUndefined();
  });

  test('of the machine: converters one per core, budgets from memory with a cap, shared among workers', () => {
    expect(load().conversion).toMatchObject({ converters: 8, memoryBudgetBytes: 2 * GIB });
    expect(load().storage.memoryMaxBytes).toBe(1 * GIB);
    const small = load({}, { cores: 2, memoryBytes: 1 * GIB });
    expect(small.conversion).toMatchObject({ converters: 2, memoryBudgetBytes: GIB / 2 });
    expect(small.storage.memoryMaxBytes).toBe(GIB / 8);
    const many = load({ PROOFSHEET_WORKERS: 'auto' });
    expect(many.server.workers).toBe(8);
    expect(many.conversion).toMatchObject({ converters: 1, memoryBudgetBytes: GIB / 4 });
  });

  test('without injected facts come from this very machine', () => {
    const config = loadConfig({ environment: {} });
    expect(config.conversion.converters).toBeGreaterThanOrEqual(1);
    expect(config.conversion.memoryBudgetBytes).toBeLessThanOrEqual(2 * GIB);
  });
});

describe('sources', () => {
  test('the environment wins over an operator’s file, which wins over production.yaml and the defaults', () => {
    expect(load().storage.fsync).toBe(false);
    expect(load({ NODE_ENV: 'production' }).storage.fsync).toBe(true);
    const directory = directoryWith({
      'default.yaml': 'server: { port: 9001, host: 0.0.0.0 }\nstorage: { fsync: false }\n',
    });
    const config = load({ NODE_ENV: 'production', NODE_CONFIG_DIR: directory, PROOFSHEET_PORT: '9002' });
    expect(config.server).toMatchObject({ port: 9002, host: '0.0.0.0', basePath: '/imageconverter' });
    expect(config.storage.fsync).toBe(false);
  });

  test('a profile lies over production.yaml and the defaults, and under everything that an operator sets', () => {
    const given = { PROOFSHEET_PROFILE: 'app-suite', NODE_ENV: 'production' };
    const config = load(given);
    expect(config.server).toMatchObject({ profile: 'app-suite', healthPort: 8018, port: 8005, strictErrors: false });
    expect(config.sequence.targetFormats).toEqual([
      'auto:200x150~cover',
      'auto:400x300~cover',
      'auto:600x400~cover',
      'auto:1920x1080',
      'auto:1920x1080~cover',
    ]);
    expect(config.conversion).toMatchObject({ timeoutMs: 10_000, queueTimeoutMs: 10_000, queueLength: 128 });
    expect(config.storage).toMatchObject({ maxGroups: 250_000, fsync: true });
    const directory = directoryWith({ 'default.yaml': 'storage: { maxGroups: 7 }\nserver: { profile: app-suite }\n' });
    expect(load({ NODE_CONFIG_DIR: directory }).storage.maxGroups).toBe(7);
    expect(load({ NODE_CONFIG_DIR: directory }).conversion.queueLength).toBe(128);
    const over = load({ ...given, PROOFSHEET_TARGET_FORMATS: 'jpg:1x1', NODE_CONFIG: '{"server":{"healthPort":9}}' });
    expect([over.sequence.targetFormats, over.server.healthPort]).toEqual([['jpg:1x1'], 9]);
    expect(reportOf({ PROOFSHEET_PROFILE: 'toString' })).toContain('expected unset, or one of app-suite');
  });

  test('NODE_CONFIG holds JSON', () => {
    expect(load({ NODE_CONFIG: '{"server":{"port":9003}}' }).server.port).toBe(9003);
  });

  test.each(['{"admin":{"password":"hunter2"}', 'hunter2', '"hunter2"', '["hunter2"]', 'null', '0'])(
    "NODE_CONFIG of %s is refused by the variable's name, and not repeated: it may hold a password",
    (text) => {
      const report = reportOf({ NODE_CONFIG: text });
      expect(report).toContain('(NODE_CONFIG): expected a JSON object');
      expect(report).not.toContain('hunter2');
    },
  );

  test('a directory that is not there, and a file that does not parse, are faults', () => {
    expect(reportOf({ NODE_CONFIG_DIR: '/nowhere/at/all' })).toContain('NODE_CONFIG_DIR');
    expect(reportOf({ NODE_CONFIG_DIR: directoryWith({ 'default.yaml': 'server: [' }) })).toContain('default.yaml');
  });

  test.each(['', ' ', '\t \r\n'])('a variable of %j is no value, as in a compose file, whatever it sets', (nothing) => {
    const names = allSettings().map(({ setting }) => setting.env);
    const plain = load();
    for (const name of [...names, 'NODE_CONFIG', 'NODE_CONFIG_DIR', 'NODE_ENV'])
      expect([name, load({ [name]: nothing })]).toEqual([name, plain]);
    const all = Object.fromEntries(names.map((name) => [name, nothing]));
    expect(load(all)).toEqual(plain);
    const directory = directoryWith({ 'default.yaml': 'server: { port: 9001 }\nadmin: { password: of-a-file }\n' });
    const config = load({ ...all, NODE_CONFIG_DIR: directory });
    expect([config.server.port, config.admin.password]).toEqual([9001, ['of-a-file']]);
  });

  test('secrets that are there and hold nothing are found for a warning', () => {
    const environment = { PROOFSHEET_ADMIN_PASSWORD: ' ', PROOFSHEET_API_TOKENS: '', PROOFSHEET_PORT: '' };
    expect(blankSecretNames(environment)).toEqual(['PROOFSHEET_ADMIN_PASSWORD', 'PROOFSHEET_API_TOKENS']);
    expect(blankSecretNames({ PROOFSHEET_ADMIN_PASSWORD: 'one' })).toEqual([]);
  });
});

describe('values', () => {
  test.each([
    ['1048576', 1_048_576],
    ['512MiB', 536_870_912],
    ['1.5GiB', 1_610_612_736],
    ['200 MB', 200_000_000],
    ['64mib', 67_108_864],
    ['2048KiB', 2_097_152],
    ['1500000B', 1_500_000],
  ])('a size %s is %i bytes', (text, bytes) => {
    expect(load({ PROOFSHEET_MEMORY_MAX_BYTES: text }).storage.memoryMaxBytes).toBe(bytes);
  });

  test.each(['2GiBB', '-1MiB', '1e9', '12 34', 'MiB', '1,5GiB', '0x10', '512K'])('a size %s is refused', (text) => {
    expect(reportOf({ PROOFSHEET_MEMORY_MAX_BYTES: text })).toContain('PROOFSHEET_MEMORY_MAX_BYTES');
  });

  test('lists are split at commas and trimmed', () => {
    const config = load({
      PROOFSHEET_TARGET_FORMATS: 'auto:100x100, webp:50x50~cover@80',
      PROOFSHEET_SOURCE_TYPES: 'png,svg,png',
      PROOFSHEET_CORS_ORIGINS: 'https://a.example,https://b.example',
    });
    expect(config.sequence.targetFormats).toEqual(['auto:100x100', 'webp:50x50~cover@80']);
    expect(config.limits.sourceTypes).toEqual(['png', 'svg']);
    expect(config.server.corsOrigins).toEqual(['https://a.example', 'https://b.example']);
  });

  test('target formats may be separated by semicolons too, as the original has it', () => {
    const environment = { PROOFSHEET_TARGET_FORMATS: 'auto:100x100;webp:50x50~cover@80 , jpg:5x5' };
    expect(load(environment).sequence.targetFormats).toEqual(['auto:100x100', 'webp:50x50~cover@80', 'jpg:5x5']);
    expect(reportOf({ PROOFSHEET_TARGET_FORMATS: 'auto:100x100;auto:8x' })).toContain('entry 2 ("auto:8x")');
  });

  test.each([
    ['true', true],
    ['FALSE', false],
    ['1', true],
    ['0', false],
    ['yes', true],
    ['off', false],
  ])('a flag %s is %s', (text, value) => {
    expect(load({ PROOFSHEET_STRICT_ERRORS: text }).server.strictErrors).toBe(value);
  });

  test.each([
    'redis://h',
    'rediss://h:6380/1',
    'redis+sentinel://a:26379,b:26379/name',
    'redis+cluster://a:7000,b:7001',
  ])('Redis is reached by %s', (url) => {
    expect(load({ PROOFSHEET_REDIS_URL: url }).shared.redisUrl).toBe(url);
  });
});

describe('faults', () => {
  test.each([
    ['REDIS_URL', 'redis://:hunter2@127.0.0.1:99999', 'ports of 1 to 65535'],
    ['REDIS_URL', 'redis://:hunter2%zz@127.0.0.1', 'percent-encoded'],
    ['REDIS_URL', 'redis://user%:hunter2@127.0.0.1', 'percent-encoded'],
    ['REDIS_URL', 'redis://:hunter2@a,b', 'a single host'],
    ['REDIS_URL', 'redis://:hunter2@a/first', 'the number of a database'],
    ['REDIS_URL', 'redis+sentinel://:hunter2@a', 'the name of the master'],
    ['REDIS_URL', 'redis+sentinel://:hunter2@a/%zz', 'percent-encoded'],
    ['REDIS_URL', 'redis+cluster://:hunter2@a/1', 'no path'],
    ['S3_ENDPOINT', 'http://127.0.0.1:99999', 'not a URL'],
    ['S3_ENDPOINT', 'http://', 'not a URL'],
    ['S3_ENDPOINT', 'http://key:hunter2@127.0.0.1', 'credentials have settings of their own'],
    ['S3_ENDPOINT', 'ftp://127.0.0.1', 'neither http:// nor https://'],
    ['S3_ENDPOINT', 'http://127.0.0.1/?a', 'no query'],
    ['CORS_ORIGINS', 'https://app.example:99999', 'list of origins'],
    ['CORS_ORIGINS', 'https://key:hunter2@app.example', 'list of origins'],
    ['REDIS_CA_FILE', '/nowhere/at/all.pem', 'cannot be read (ENOENT)'],
    ['REDIS_CA_FILE', '/', 'cannot be read (EISDIR)'],
    ['REDIS_CA_FILE', import.meta.filename.replace(/load-config.*/, 'config-files.test.ts'), 'holds no certificate'],
  ])('%s=%s is named by its setting, with what is wrong, and nothing secret of it', (name, value, wrong) => {
    const report = reportOf({ PROOFSHEET_S3_BUCKET: 'blobs', [`PROOFSHEET_${name}`]: value });
    expect(report).toContain(`(PROOFSHEET_${name}): expected`);
    expect(report).toContain(wrong);
    expect(report).not.toContain('hunter2');
  });

  test('are reported together, each by key, environment name, unit, range and what was given', () => {
    const report = reportOf({
      PROOFSHEET_PORT: '70000',
      PROOFSHEET_CONVERSION_TIMEOUT_MS: 'soon',
      PROOFSHEET_KEEP_SOURCE: 'maybe',
      PROOFSHEET_LOG_LEVEL: 'loud',
    });
    expect(report).toContain('4 faults');
    expect(report).toContain('server.port (PROOFSHEET_PORT): expected port number, 0 to 65535; got "70000"');
    expect(report).toContain('conversion.timeoutMs (PROOFSHEET_CONVERSION_TIMEOUT_MS): expected ms, 100 to 3600000');
    expect(report).toContain('storage.keepSource (PROOFSHEET_KEEP_SOURCE): expected true or false; got "maybe"');
    expect(report).toContain('telemetry.logLevel (PROOFSHEET_LOG_LEVEL)');
  });

  test('a bad target format is named by its entry and the position in it', () => {
    const report = reportOf({ PROOFSHEET_TARGET_FORMATS: 'auto:200x150,auto:8x' });
    expect(report).toContain('entry 2 ("auto:8x")');
    expect(report).toContain('position 7');
  });

  test('unknown keys and sections are refused, naming the known ones', () => {
    const report = reportOf({ NODE_CONFIG: '{"server":{"prot":1},"sever":{}}' });
    expect(report).toContain('server.prot: unknown');
    expect(report).toContain('port,');
    expect(report).toContain('sever: unknown');
  });

  test.each([
    ['PROOFSHEET_DIALECTS', 'image-converter,dzi=/console', 'server.dialects'],
    ['PROOFSHEET_DIALECTS', 'image-converter,dzi=/console/live', 'server.dialects'],
    ['PROOFSHEET_DIALECTS', 'image-converter,iiif=/library', 'server.dialects'],
    ['PROOFSHEET_DIALECTS', 'image-converter=/openapi.json', 'server.dialects'],
    ['PROOFSHEET_DIALECTS', 'image-converter,micrio=/admin/x', 'server.dialects'],
    ['PROOFSHEET_BASE_PATH', '/openapi', 'server.basePath'],
    ['PROOFSHEET_BASE_PATH', '/library/images', 'server.basePath'],
  ])('no dialect stands where the server itself does: %s=%s', (name, value, key) => {
    const report = reportOf({ [name]: value });
    expect(report).toContain('1 fault');
    expect(report).toContain(`${key} (${name}): expected nothing at or below /admin, /console, /library, /openapi`);
  });

  test('a dialect may stand beside them, by a name that only begins so', () => {
    const { dialects } = load({ PROOFSHEET_DIALECTS: 'image-converter,dzi=/consoles,iiif=/my/library' }).server;
    expect(dialects.map(({ mount }) => mount)).toEqual([undefined, '/consoles', '/my/library']);
  });

  test('a section that is no mapping is a fault, not a crash', () => {
    expect(reportOf({ NODE_CONFIG: '{"server":null}' })).toContain('server');
    expect(reportOf({ NODE_CONFIG: '{"limits":[1]}' })).toContain('limits');
  });

  test('an empty admin password in a file is refused: it would let everybody in', () => {
    expect(reportOf({ NODE_CONFIG: '{"admin":{"password":""}}' })).toContain('admin.password');
  });

  test('a secret is never told, even when it is wrong', () => {
    const report = reportOf({
      PROOFSHEET_REDIS_URL: 'http://user:hunter2@host',
      PROOFSHEET_ADMIN_PASSWORD: `hunter2\u0007`,
      PROOFSHEET_S3_SECRET_ACCESS_KEY: 'hunter2 hunter2',
    });
    expect(report).toContain('3 faults');
    expect(report).not.toContain('hunter2');
  });

  test('a file that does not parse is told by its name and the place, without a line of it', async () => {
    await withTempDir(async (dir) => {
      for (const [name, text, said] of [
        [
          'default.yaml',
          'admin:\n  password: [hunter2\naccess: {}',
          'missed comma between flow collection entries (3:1)',
        ],
        ['default.yaml', 'admin:\n  password: *hunter2', 'unidentified alias "..." (2:21)'],
        ['default.json', '{"admin":{"password":hunter2}}', 'SyntaxError: JSON5: invalid'],
      ] as const) {
        const path = join(dir, name);
        await writeFile(path, text);
        const report = reportOf({ NODE_CONFIG_DIR: dir });
        await rm(path);
        expect(report).toContain(`Cannot parse config file: '${path}': `);
        expect(report).toContain(said);
        expect(report).not.toContain('hunter2');
      }
    });
  });

  test('keys of records are secrets of some length, or the word for none', () => {
    const keys = load({ PROOFSHEET_REDIS_RECORD_KEYS: 'next-0123456789abcdef, unsealed' }).shared.redisRecordKeys;
    expect(keys).toEqual([{ secret: 'next-0123456789abcdef' }, { secret: undefined }]);
    for (const given of [
      'hunter2',
      'next-0123456789abcdef,hunter2',
      'hunter2 hunter2 hunter2',
      `hunter2${'é'.repeat(20)}`,
    ]) {
      const report = reportOf({ PROOFSHEET_REDIS_RECORD_KEYS: given });
      expect(report).toContain('(PROOFSHEET_REDIS_RECORD_KEYS): expected');
      expect(report).not.toContain('hunter2');
    }
  });

  test('settings that do not fit together are refused', () => {
    const conflicts: [Record<string, string>, string][] = [
      [{ PROOFSHEET_UPLOAD_TIMEOUT_MS: '600000' }, 'server.uploadTimeoutMs'],
      [{ PROOFSHEET_HEADERS_TIMEOUT_MS: '600000' }, 'server.headersTimeoutMs'],
      [{ PROOFSHEET_UPLOAD_IDLE_TIMEOUT_MS: '200000' }, 'server.uploadIdleTimeoutMs'],
      [{ PROOFSHEET_BASE_PATH: '/metrics' }, 'server.basePath'],
      [{ PROOFSHEET_HEALTH_PORT: '8005' }, 'server.healthPort'],
      [{ PROOFSHEET_PUBLIC_METRICS: 'false' }, 'server.healthPort'],
      [{ PROOFSHEET_TLS_PORT: '8014' }, 'server.tlsCert'],
      [{ PROOFSHEET_TLS_PORT: '8014', PROOFSHEET_TLS_CERT: 'a.pem' }, 'server.tlsKey'],
      [{ PROOFSHEET_TLS_CERT: 'a.pem', PROOFSHEET_TLS_KEY: 'b.pem' }, 'server.tlsPort'],
      [{ PROOFSHEET_TLS_PORT: '8005', PROOFSHEET_TLS_CERT: 'a', PROOFSHEET_TLS_KEY: 'b' }, 'server.tlsPort'],
      [{ PROOFSHEET_DISK_MAX_BYTES: '100MiB' }, 'limits.maxSourceBytes'],
      [{ PROOFSHEET_MAX_AGE_SECONDS: '60' }, 'storage.lastAccessResolutionSeconds'],
      [{ PROOFSHEET_ORPHAN_GRACE_SECONDS: '5' }, 'storage.orphanGraceSeconds'],
      [{ PROOFSHEET_S3_ENDPOINT: 'http://s3' }, 'shared.s3Bucket'],
      [{ PROOFSHEET_S3_BUCKET: 'blobs' }, 'shared.redisUrl'],
      [{ PROOFSHEET_S3_ACCESS_KEY_ID: 'id' }, 'shared.s3SecretAccessKey'],
      [{ PROOFSHEET_S3_SECRET_ACCESS_KEY: 'secret' }, 'shared.s3AccessKeyId'],
    ];
    for (const [environment, key] of conflicts) expect(reportOf(environment)).toContain(`  ${key} (`);
  });

  test('an age of 0 is no age limit and conflicts with nothing', () => {
    expect(load({ PROOFSHEET_MAX_AGE_SECONDS: '0' }).storage.maxAgeSeconds).toBe(0);
  });

  test('variables that name no setting are found for a warning', () => {
    // PROOFSHEET_WORKER_INDEX was once passed over, as if the supervisor set it.
    const environment = { PROOFSHEET_WORKER_INDEX: '1', PROOFSHEET_PROT: '1', PROOFSHEET_PORT: '1', PATH: '/' };
    expect(unknownEnvironmentNames(environment)).toEqual(['PROOFSHEET_PROT', 'PROOFSHEET_WORKER_INDEX']);
  });
});
