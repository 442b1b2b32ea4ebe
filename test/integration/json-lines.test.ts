// A server says everything in lines of JSON on standard output: what Node warns of too, and nothing of it on standard error.
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodedPhoto } from '../support/encoded-photo.js';
import { until } from '../support/gate.js';
import { sourceForm } from '../support/multipart.js';
import { spawnServer } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';

let dir: TempDir;
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(() => dir.remove());

/** Node warns of something once the server listens for warnings. */
const WARNING = `process.on("newListener",(name)=>name==="warning"&&setTimeout(()=>process.emitWarning("odd"),50))`;

it('whatever Node warns of, and however many conversions wait', async () => {
  const child = spawnServer({
    PROOFSHEET_DATA_DIR: dir.path,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(WARNING)}`,
  });
  const ended = once(child, 'close');
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  try {
    const lines = () => stdout.split('\n').slice(0, -1);
    const url = () => /"url":"([^"]+)"/.exec(stdout)?.[1];
    await until(() => url() !== undefined && stdout.includes('"Node warns"'), 'it listens, and was warned');
    const photos = await Promise.all(Array.from({ length: 16 }, (_, n) => encodedPhoto(400 + n, 300)));
    const answers = await Promise.all(
      photos.map((photo, n) => fetch(`${url()}/cacheImage/${n}`, { method: 'POST', body: sourceForm(photo) })),
    );
    expect(answers.map(({ status }) => status)).toEqual(photos.map(() => 200));
    child.kill('SIGTERM');
    await ended;
    for (const line of lines()) expect(JSON.parse(line)).toHaveProperty('message');
    expect(lines().filter((line) => line.includes('memory leak'))).toEqual([]);
    expect(stderr).toBe('');
  } finally {
    child.kill('SIGKILL');
  }
});
