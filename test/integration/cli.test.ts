// The `proofsheet` command as a process of its own: what it prints and how it ends.
import { createHmac } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { PasswordCheck } from '../../src/http/access/passwords.js';
import { runSync } from '../support/processes.js';
import { NODE } from '../support/tools.js';

const CLI = fileURLToPath(new URL('../../bin/cli.js', import.meta.url));
const SECRET = 'a-secret-of-16-characters';

function run(args: readonly string[], input = '', environment: Record<string, string> = {}) {
  const env = { PATH: process.env.PATH ?? '', ...environment };
  const { status, stdout, stderr } = runSync(NODE, [CLI, ...args], { input, env });
  return { status, stdout, stderr };
}

test('hash-password prints a hash that admits the password on standard input, and no other', async () => {
  const { status, stdout } = run(['hash-password'], 'grün: blau\n');
  expect(status).toBe(0);
  const check = new PasswordCheck([stdout.trim()]);
  expect(await check.admits('grün: blau')).toBe(true);
  expect(await check.admits('grün: blau ')).toBe(false);
  expect(run(['hash-password'], 'grün: blau\n').stdout).not.toBe(stdout);
});

test('hash-password takes no password from where others see it, and none from nothing', () => {
  expect(run(['hash-password', 'secret'])).toMatchObject({ status: 64, stdout: '' });
  expect(run(['hash-password'], '')).toMatchObject({ status: 64, stdout: '' });
});

test('sign-url prints path and query as the contract describes them', () => {
  const environment = {
    PROOFSHEET_API_TOKENS: 'token-of-16-characters',
    PROOFSHEET_URL_KEYS: `k2:${SECRET}2,k1:${SECRET}1`,
  };
  const before = Math.floor(Date.now() / 1_000);
  const { status, stdout } = run(
    ['sign-url', '/getImage/a%20key/auto:80x80', '--context', 'ü', '--expires-in', '60', '--kid', 'k1'],
    '',
    environment,
  );
  expect(status).toBe(0);
  const url = new URL(stdout.trim(), 'http://host');
  const expires = Number(url.searchParams.get('expires'));
  expect(expires - before).toBeGreaterThanOrEqual(60);
  expect(expires).toBeLessThanOrEqual(Math.floor(Date.now() / 1_000) + 60);
  expect(url.pathname).toBe('/imageconverter/getImage/a%20key/auto%3A80x80');
  expect(url.searchParams.get('context')).toBe('ü');
  expect(url.searchParams.get('kid')).toBe('k1');
  const text = `proofsheet-url-v1\n/getImage/a%20key/auto%3A80x80\n%C3%BC\n${expires}`;
  expect(url.searchParams.get('signature')).toBe(createHmac('sha256', `${SECRET}1`).update(text).digest('base64url'));
});

test.each([
  ['/getImage/%2E%2E/80x80', 'without . and ..'],
  ['/dzi/alice/photo.dzi', 'begins with one of'],
  ['/cacheImage/key', 'begins with one of'],
  ['/sheet?key=a', 'begins with one of getImage, getImageAndMetadata, getMetadata:'],
  ['/sheet', 'begins with one of'],
  ['/getKeyCount', 'begins with one of'],
])('sign-url signs nothing that no signature opens: %s', (path, message) => {
  const environment = { PROOFSHEET_API_TOKENS: 'token-of-16-characters', PROOFSHEET_URL_KEYS: `k1:${SECRET}` };
  const { status, stdout, stderr } = run(['sign-url', path], '', environment);
  expect([status, stdout, stderr]).toEqual([64, '', expect.stringContaining(message)]);
});

test.each([
  [['no-such-command'], 64],
  [['serve', 'more'], 64],
  [['sign-url', 'getImage/key'], 64],
  [['sign-url', '/getImage/key/80x80', '--no-such-option'], 64],
  [['sign-url', '/getImage/key/80x80'], 64],
  [['--help'], 0],
  [['help'], 0],
  [['check-config', '--no-such-option'], 64],
])('%j ends with %i and the usage', (args, code) => {
  const { status, stdout, stderr } = run(args);
  expect(status).toBe(code);
  expect(stdout + stderr).toContain('usage: proofsheet');
});

test('a configuration that cannot be used ends it with 78, and no secret is told', () => {
  const { status, stderr } = run(['sign-url', '/getMetadata/key'], '', { PROOFSHEET_URL_KEYS: 'k:tooshort-secret, k' });
  expect(status).toBe(78);
  expect(stderr).toContain('PROOFSHEET_URL_KEYS');
  expect(stderr).toContain('entry 2');
  expect(stderr).not.toContain('tooshort');
});

test('check-config prints every setting with where it is from, and no secret', () => {
  const given = {
    PROOFSHEET_PORT: '8123',
    PROOFSHEET_ADMIN_PASSWORD: 'correct horse',
    PROOFSHEET_WORKERS: 'auto',
    NODE_CONFIG: '{"telemetry":{"logLevel":"warn"}}',
    PROOFSHEET_PROFILE: 'app-suite',
  };
  const { status, stdout } = run(['check-config', '--print'], '', given);
  expect(status).toBe(0);
  const lines = stdout.split('\n');
  expect(lines).toContain('server.port = "8123"  # PROOFSHEET_PORT');
  expect(lines).toContain('admin.password = a value that is not shown  # PROOFSHEET_ADMIN_PASSWORD');
  expect(lines).toContain('telemetry.logLevel = "warn"  # NODE_CONFIG');
  expect(stdout).toMatch(/^server\.workers = "auto" \(\d+\) {2}# PROOFSHEET_WORKERS$/m);
  expect(stdout).toMatch(/^server\.maxConnections = 2048 {2}# \S+config\/default\.yaml$/m);
  expect(stdout).toMatch(/^access\.apiTokens = unset {2}# \S+config\/default\.yaml$/m);
  expect(stdout).toMatch(/ {2}# \S+profiles\/app-suite\.yaml$/m);
  expect(stdout).not.toContain('correct horse');
  const told = JSON.parse(run(['check-config', '--print', '--json'], '', given).stdout) as { settings: object[] };
  expect(told.settings).toContainEqual({ key: 'server.port', value: '"8123"', origin: 'PROOFSHEET_PORT' });
});

test('check-config tells whether a server would start, what it would warn of, and starts none', () => {
  expect(run(['check-config'])).toEqual({ status: 0, stdout: 'the configuration can be used\n', stderr: '' });
  const odd = { PROOFSHEET_NO_SUCH_SETTING: '1', PROOFSHEET_ADMIN_PASSWORD: '' };
  const { status, stdout } = run(['check-config', '--json'], '', odd);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    valid: true,
    warnings: [
      'PROOFSHEET_NO_SUCH_SETTING names no setting',
      'PROOFSHEET_ADMIN_PASSWORD is empty, so this secret is not set',
    ],
  });
  const wrong = run(['check-config'], '', { PROOFSHEET_PORT: 'eighty', PROOFSHEET_CONVERTERS: '-1' });
  expect([wrong.status, wrong.stdout]).toEqual([78, '']);
  for (const name of ['PROOFSHEET_PORT', 'PROOFSHEET_CONVERTERS']) expect(wrong.stderr).toContain(name);
});
