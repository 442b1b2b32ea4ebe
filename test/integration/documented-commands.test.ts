// What a reader copies works, and answers what is shown: every command from the first five minutes of README.md to the last
// operation of docs/API.md is run by a shell against a server of its own, in order.
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDocument } from '../support/documents.js';
import { run } from '../support/processes.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { requireTool } from '../support/tools.js';

/** Headers whose values are the same for every picture. */
const EXACT = /^(?:HTTP\/|X-Proofsheet-Match|Accept-Ranges|Cache-Control|X-Content-Type-Options|Content-Type: image)/;

interface Step {
  readonly command: string;
  /** What is shown behind it, line by line, without the comment marks. */
  readonly answer: readonly string[];
}

let server: ServerProcess;
let dir: TempDir;
let path: string;

beforeAll(async () => {
  dir = await tempDir();
  const programs = await Promise.all([requireTool('curl'), requireTool('openssl')]);
  path = [...programs.map((program) => dirname(program)), process.env.PATH].join(':');
  // As large as the pictures that the answers were taken from.
  await writeFile(join(dir.path, 'photo.jpg'), await picture(2725, 2225).jpeg().toBuffer());
  await writeFile(join(dir.path, 'screenshot.png'), await picture(2048, 1536).ensureAlpha(0.5).png().toBuffer());
  server = await startServerProcess({
    PROOFSHEET_DATA_DIR: join(dir.path, 'data'),
    PROOFSHEET_ADMIN_PASSWORD: 's3cret',
  });
}, 300_000);

afterAll(async () => {
  server?.kill('SIGTERM');
  await server?.gone;
  await dir?.remove();
});

function picture(width: number, height: number): Sharp {
  return sharp({ create: { width, height, channels: 3, background: '#447799' } });
}

/** `text` between two headings. */
function between(text: string, from: string, to: string): string {
  const [start, end] = [text.indexOf(`## ${from}\n`), text.indexOf(`## ${to}\n`)];
  if (start < 0 || end < start) throw new Error(`expected the headings ${from} and ${to}`);
  return text.slice(start, end);
}

/** The commands of the sections from `First five minutes` up to `Formats`, in order. */
function steps(): readonly Step[] {
  const first = between(readDocument('README.md'), 'First five minutes', 'Where the rest is');
  const part = first + between(readDocument('docs/API.md'), 'Every operation', 'Formats');
  const paragraphs = [...part.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block = '']) => block.split('\n\n'));
  return paragraphs.flatMap((paragraph) => {
    const found: { command: string; answer: string[] }[] = [];
    for (const line of paragraph.trim().split('\n')) {
      // A comment in front of the first command says what it does; one behind a command is its answer.
      if (line.startsWith('# ')) found.at(-1)?.answer.push(line.slice(2));
      else if (line !== '') found.push({ command: line.replace(/\s+# .*$/, ''), answer: [] });
    }
    return found.filter(({ command }) => !command.includes('npm start'));
  });
}

async function check(line: string, output: string): Promise<void> {
  const file = /^(\S+\.\w+): a (PNG|JPEG) of (\d+)x(\d+)/.exec(line);
  if (file !== null) {
    const [, name = '', type = '', width, height] = file;
    const metadata = await sharp(join(dir.path, name)).metadata();
    expect(metadata).toMatchObject({ format: type.toLowerCase(), width: Number(width), height: Number(height) });
  } else if (line.includes('...') || line.startsWith(' ')) {
    // Shortened JSON: the names it shows are there.
    for (const [name] of line.matchAll(/"[A-Za-z ]+":/g)) expect(output).toContain(name);
  } else if (/^[A-Z][\w-]+: /.test(line) && !EXACT.test(line)) {
    expect(output).toContain(`${line.slice(0, line.indexOf(': '))}: `);
  } else {
    expect(output.replaceAll('\r', '').trim().split('\n')).toContain(line);
  }
}

describe('the commands of README.md and docs/API.md', () => {
  it('run in order, and answer what is shown', async () => {
    const all = steps();
    expect(all.filter(({ command }) => command.startsWith('curl')).length).toBeGreaterThan(30);
    const variables: Record<string, string> = {};
    for (const { command, answer } of all) {
      const here = command.replaceAll('http://127.0.0.1:8005', server.origin).replaceAll('curl ', 'curl -sS ');
      const variable = /^([A-Z]+)=/.exec(here)?.[1];
      const script = variable === undefined ? here : `${here}; printf %s "$${variable}"`;
      const { stdout, stderr } = await run(await requireTool('sh'), ['-c', script], {
        cwd: dir.path,
        env: { PATH: path, ...variables },
        timeout: 60_000,
      });
      if (variable !== undefined) variables[variable] = stdout;
      expect(stderr, command).toBe('');
      for (const line of answer) await check(line, stdout);
      // Errors are shown where they are meant; every other answer is a success.
      if (!answer.join().includes('"code":4')) expect(stdout, command).not.toMatch(/"code":[1-9]|^HTTP\/1\.1 [45]/);
    }
  }, 300_000);
});
