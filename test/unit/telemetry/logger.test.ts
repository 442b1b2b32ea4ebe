// Log lines: one JSON object each, with level and time, and never a secret.
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/telemetry/clock.js';
import { createLogger } from '../../../src/telemetry/logger.js';

function recorded(level: 'debug' | 'info' | 'warn' | 'error' | 'silent') {
  const text: string[] = [];
  const logger = createLogger({ level, destination: { write: (line: string) => void text.push(line) } });
  return { logger, lines: () => text.map((line) => JSON.parse(line)), text: () => text.join('') };
}

test('a line has level, ISO time, message and its fields, and nothing of the machine', () => {
  const { logger, lines } = recorded('info');
  logger.info({ operation: 'getImage', status: 200 }, 'request finished');
  expect(lines()).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      operation: 'getImage',
      status: 200,
      message: 'request finished',
    },
  ]);
});

test('lines below the level are not written', () => {
  const { logger, lines } = recorded('warn');
  logger.debug({}, 'a');
  logger.info({}, 'b');
  logger.warn({}, 'c');
  logger.error({}, 'd');
  expect(lines().map(({ message }) => message)).toEqual(['c', 'd']);
  const silent = recorded('silent');
  silent.logger.error({}, 'e');
  expect(silent.lines()).toEqual([]);
});

test('a child adds its fields to every line', () => {
  const { logger, lines } = recorded('debug');
  logger.child({ worker: 3 }).child({ part: 'upkeep' }).debug({ swept: 2 }, 'swept');
  expect(lines()[0]).toMatchObject({ worker: 3, part: 'upkeep', swept: 2 });
});

test('secrets are cut out at the top and below', () => {
  const { logger, lines, text } = recorded('info');
  logger.info(
    {
      password: 'hunter2',
      headers: { authorization: 'Basic hunter2' },
      config: { admin: { password: 'hunter2' }, shared: { redisUrl: 'redis://u:hunter2@h' } },
      secret: 'hunter2',
    },
    'configured',
  );
  logger.child({ authorization: 'hunter2' }).info({}, 'child');
  expect(text()).not.toContain('hunter2');
  expect(lines()[0].config.admin.password).toBe('[redacted]');
});

test('of a digest, which is the usual image key, eight characters are told, wherever it stands', () => {
  const { logger, lines, text } = recorded('info');
  const key = 'a1b2c3d4'.repeat(8);
  const error = new Error(`ENOENT: no such file, open '/data/blobs/a1/b2/${key}'`, { cause: new Error(key) });
  logger.error({ error, digest: key, keys: [key, key.toUpperCase()] }, `lost ${key}`);
  logger.child({ source: key }).info({}, 'child');
  expect(text().toLowerCase()).not.toContain(key);
  expect(lines()[0]).toMatchObject({ digest: 'a1b2c3d4...', message: 'lost a1b2c3d4...' });
});

test('an error is told with its message, stack and cause', () => {
  const { logger, lines } = recorded('info');
  logger.error({ error: new Error('outer', { cause: new TypeError('inner') }) }, 'failed');
  expect(lines()[0].error).toMatchObject({ message: 'outer', cause: { type: 'TypeError', message: 'inner' } });
  expect(lines()[0].error.stack).toContain('logger.test.ts');
});

test('the system clock tells Unix time in ms, and monotonic time never goes back', () => {
  const before = Date.now();
  const now = systemClock.now();
  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(Date.now());
  const first = systemClock.monotonic();
  expect(systemClock.monotonic()).toBeGreaterThanOrEqual(first);
});
