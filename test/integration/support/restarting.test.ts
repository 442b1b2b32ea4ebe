// What `npm run dev` rests on: a change is built and started, a fault leaves the last good program running, and at the end none is left.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../../support/gate.js';
import { start } from '../../support/processes.js';
import { restartOnChange } from '../../support/restarting.js';
import { tempDir } from '../../support/temp-dir.js';
import { NODE } from '../../support/tools.js';

test('a program is started again when its source changes, and only when that can be built', async () => {
  const dir = await tempDir();
  const program = join(dir.path, 'program.mjs');
  const write = (word: string) => writeFile(program, `console.log('${word}'); setInterval(() => {}, 1000);`);
  await write('first');
  const stopping = new AbortController();
  const said: string[] = [];
  const events: string[] = [];
  let builds = 0;
  const done = restartOnChange({
    watched: [dir.path],
    build: async () => {
      builds++;
      return !(await readFile(program, 'utf8')).includes('broken');
    },
    launch: () => {
      events.push('starts');
      const child = start(NODE, [program]);
      child.stdout.on('data', (chunk: Buffer) => said.push(chunk.toString().trim()));
      child.once('exit', () => events.push('ends'));
      return child;
    },
    signal: stopping.signal,
  });

  await until(() => said.at(-1) === 'first', 'the program is started');
  await write('second');
  await until(() => said.at(-1) === 'second', 'it is started again');
  const before = builds;
  await write('broken');
  await until(() => builds > before, 'the change is looked at');
  await write('third');
  await until(() => said.at(-1) === 'third', 'what is mended is started');
  stopping.abort();
  await done;

  expect(said).not.toContain('broken');
  // Never two at once, and none at the end.
  expect(events.length % 2).toBe(0);
  events.forEach((event, index) => {
    expect(event).toBe(index % 2 === 0 ? 'starts' : 'ends');
  });
  await dir.remove();
});
