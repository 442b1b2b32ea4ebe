// Servers of others: one that does not come up is told at once, with what it said; ports are given to one test alone; and what
// waiting for them means.
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { startDaemons } from '../../support/daemons.js';
import { eventually, until } from '../../support/gate.js';
import { freePort } from '../../support/ports.js';
import { childrenOf, isRunning } from '../../support/processes.js';
import { NODE } from '../../support/tools.js';

const LISTENS = 'require("http").createServer((_, answer) => answer.end()).listen(+process.argv[1], "127.0.0.1")';

test('it is there once it answers', async () => {
  const port = await freePort();
  const answers = async () => (await fetch(`http://127.0.0.1:${port}`)).ok;
  const [child] = await startDaemons('a server', [[NODE, '-e', LISTENS, String(port)]], answers);
  expect(await answers()).toBe(true);
  child?.kill('SIGKILL');
});

test('one that ends instead is told with its last words, and the others are ended', async () => {
  const before = new Set(childrenOf(process.pid));
  const stays = 'console.log(process.pid); setInterval(() => {}, 1000)';
  const ends = 'console.error("no such directive"); process.exit(3)';
  const answers = async (): Promise<boolean> => {
    throw new Error('refused');
  };
  const started = startDaemons(
    'two servers',
    [
      [NODE, '-e', ends],
      [NODE, '-e', stays],
    ],
    answers,
  );
  await expect(started).rejects.toThrow(/expected two servers, but .* ended with 3:\nno such directive/);
  await until(() => childrenOf(process.pid).every((pid) => before.has(pid) || !isRunning(pid)), 'both have ended');
});

test('no port is given twice, and none that Linux gives to others or that is taken', async () => {
  const ports = await Promise.all(Array.from({ length: 200 }, () => freePort()));
  expect(new Set(ports).size).toBe(200);
  expect(Math.max(...ports)).toBeLessThan(32_768);
  for (const port of ports.slice(0, 5)) {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
    await new Promise((resolve) => server.close(resolve));
  }
});

test('until ends with what its condition rejects with; eventually asks again', async () => {
  let looks = 0;
  const third = async () => {
    if (++looks < 3) throw new Error('not yet');
    return true;
  };
  await expect(until(third, 'the third look')).rejects.toThrow('not yet');
  await eventually(third, 'the third look');
  expect(looks).toBe(3);
});
