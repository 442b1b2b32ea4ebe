// The commands that talk to a running server, and those that look at its data directory beside it, as processes of their own.
import { generateKeyPairSync } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS, type CommandName, optionsNamed } from '../../src/cli/command-table.js';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.js';
import { systemClock } from '../../src/telemetry/clock.js';
import { FakeLogger } from '../support/fake-logger.js';
import { FakeMetrics } from '../support/fake-metrics.js';
import { run } from '../support/processes.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';
import { NODE, requireTool } from '../support/tools.js';

const CLI = fileURLToPath(new URL('../../bin/cli.js', import.meta.url));

let dir: TempDir;
let server: ServerProcess;
beforeAll(async () => {
  dir = await tempDir();
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFile(join(dir.path, 'receipt.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  server = await startServerProcess({
    PROOFSHEET_DATA_DIR: join(dir.path, 'data'),
    PROOFSHEET_ADMIN_PASSWORD: 's3cret',
    PROOFSHEET_RECEIPT_KEY: join(dir.path, 'receipt.pem'),
  });
  await mkdir(join(dir.path, 'photos', 'more'), { recursive: true });
  await writeFile(join(dir.path, 'photos', 'red.jpg'), await jpegOf(320, 240, '#ff0000'));
  await writeFile(join(dir.path, 'photos', 'more', 'blue.jpg'), await jpegOf(320, 240, '#0000ff'));
  await writeFile(join(dir.path, 'photos', 'notes.txt'), 'no picture');
  await writeFile(join(dir.path, 'password'), 's3cret\n');
}, 300_000);
afterAll(async () => {
  server?.kill('SIGTERM');
  await server?.gone;
  await dir?.remove();
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function cli(args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const env = { PATH: process.env.PATH ?? '', PROOFSHEET_DATA_DIR: join(dir.path, 'data'), ...environment };
  try {
    return { code: 0, ...(await run(NODE, [CLI, ...args], { cwd: dir.path, env })) };
  } catch (error) {
    return error as Ended;
  }
}
const asked = (...args: readonly string[]) => cli([...args, '--url', server.url]);
const asAdmin = (...args: readonly string[]) => asked(...args, '--password-file', 'password');

describe('a server from the command line', { timeout: 300_000 }, () => {
  it('stores files, and does not send again what is known', async () => {
    const first = await asked('put', 'photos/red.jpg', 'photos/notes.txt');
    expect([first.code, first.stdout]).toMatchObject([
      1,
      expect.stringMatching(/^[0-9a-f]{64}\tstored\tphotos\/red\.jpg\n$/),
    ]);
    expect(first.stderr).toMatch(/^photos\/notes\.txt: expected an image .*\(4150\)\n$/);
    const again = await asked('put', 'photos/red.jpg', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ from: 'photos/red.jpg', isUploaded: false });
    expect(await asked('put', 'photos/red.jpg', '--key', 'red')).toMatchObject({
      code: 0,
      stdout: 'red\tknown\tphotos/red.jpg\n',
    });
  });

  it('warms by a folder and by a list, goes on where it stopped, and reports each', async () => {
    const how = ['--context', 'shop', '--done', 'done', '--report', 'report'];
    expect(await asked('warm', 'photos', ...how)).toMatchObject({
      code: 1,
      stdout: '2 stored, 0 known before, 1 failed\n',
    });
    expect((await readFile(join(dir.path, 'done'), 'utf8')).trim().split('\n').toSorted()).toEqual([
      'photos/more/blue.jpg',
      'photos/red.jpg',
    ]);
    expect((await readFile(join(dir.path, 'report'), 'utf8')).trim().split('\n')).toHaveLength(3);
    await rm(join(dir.path, 'photos', 'notes.txt'));
    const again = await asked('warm', 'photos', ...how, '--json');
    expect([again.code, JSON.parse(again.stdout)]).toEqual([0, { stored: 0, known: 0, failed: 0, before: 2 }]);
    await writeFile(join(dir.path, 'list'), `# ours\n${server.url}/getImage/red/200x150\nphotos/red.jpg\n`);
    expect((await asked('warm', 'list')).stdout).toBe('1 stored, 1 known before, 0 failed\n');
  });

  it('expands a pattern that no shell has, and says what nothing matches', async () => {
    const keysOf = ({ stdout }: Ended) => stdout.split('\n').flatMap((line) => line.split('\t')[2] ?? []);
    const put = (...files: readonly string[]) => asked('put', ...files, '--context', 'patterns');
    expect(keysOf(await put('photos/*.jpg'))).toEqual(['photos/red.jpg']);
    expect(keysOf(await put('photos/**/*.jpg')).toSorted()).toEqual(['photos/more/blue.jpg', 'photos/red.jpg']);
    expect(keysOf(await put(join(dir.path, 'p*', 'r?d.jpg')))).toEqual([join(dir.path, 'photos', 'red.jpg')]);
    // One that is named so is meant.
    await writeFile(join(dir.path, 'photos', 'r?d.jpg'), await jpegOf(320, 240, '#00ff00'));
    expect(keysOf(await put('photos/r?d.jpg'))).toEqual(['photos/r?d.jpg']);
    await rm(join(dir.path, 'photos', 'r?d.jpg'));
    expect(await put('*.png')).toMatchObject({ code: 66, stderr: '*.png: no file matches it\n' });
    expect(await put('photos/**/*.jpg', '--key', 'one')).toMatchObject({ code: 64 });
    await asAdmin('clear', '--context', 'patterns');
  });

  it('tells of files that fail as JSON where that is wanted', async () => {
    await writeFile(join(dir.path, 'no picture'), 'no picture');
    const { code, stderr, stdout } = await asked('put', 'no picture', '--json');
    const error = expect.stringContaining('(4150)');
    expect([code, JSON.parse(stderr)]).toEqual([1, { from: 'no picture', error, exit: 1 }]);
    expect(JSON.parse(stdout)).toEqual({ from: 'no picture', error });
    await writeFile(join(dir.path, 'failing'), 'no picture\nno-such-file\n');
    const warmed = await asked('warm', 'failing', '--json');
    const told = warmed.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(told.map(({ exit }) => exit).toSorted()).toEqual([1, 66]);
  });

  it('fetches a preview, and tells which answers what', async () => {
    expect(await asked('get', 'red', 'auto:200x150', '-o', 'thumb.jpg')).toMatchObject({ code: 0 });
    expect((await readFile(join(dir.path, 'thumb.jpg'))).subarray(0, 3)).toEqual(Buffer.from([0xff, 0xd8, 0xff]));
    const { code, stdout } = await asked('inspect', 'red', 'png:90x90', '--json');
    const { metadata, answers } = JSON.parse(stdout);
    expect([code, metadata.Proofsheet.previews.length > 0]).toEqual([0, true]);
    expect(answers).toContainEqual({
      asked: 'auto:200x150',
      status: 200,
      match: 'exact; format="auto:200x150"; size=200x150',
    });
    expect(answers.at(-1)).toMatchObject({ asked: 'png:90x90', status: 200 });
    expect((await asked('inspect', 'red')).stdout).toContain('exact; format="auto:200x150"; size=200x150');
  });

  it('tells how the server is, and what it has', async () => {
    // A converter is replaced now and then, and on a busy machine that takes a while.
    await expect.poll(async () => (await asked('status', '--json')).code, { timeout: 60_000 }).toBe(0);
    const { code, stdout } = await asked('status', '--json');
    const { ready, dependencies, keys, figures } = JSON.parse(stdout);
    expect([code, ready, dependencies.catalog, keys, figures.groups]).toEqual([0, true, 'up', 4, 5]);
    expect((await asked('status')).stdout).toMatch(/^ready {2}http/);
    expect((await asAdmin('keys')).stdout.split('\n')).toContain('red');
  });

  it('ends as its document says', async () => {
    expect(await asked('get', 'nothing', '80x80', '-o', 'x')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('(4040)'),
    });
    expect((await asked('put', 'no-such-file')).code).toBe(66);
    expect((await cli(['status', '--url', 'http://127.0.0.1:1/imageconverter'])).code).toBe(69);
    expect((await asked('keys')).code).toBe(77);
    for (const wrong of [
      ['put'],
      ['clear'],
      ['clear', 'red', '--all'],
      ['get', 'red'],
      ['completion', 'tcsh'],
      ['keys', 'x'],
      ...[['clear'], ['clear', 'red'], ['keys']].map((command) => [...command, '--context', '']),
      ...[
        ['clear', ''],
        ['purge', '', '--reason', 'r'],
        ['purge', '--prefix', '', '--reason', 'r'],
      ],
    ])
      expect((await asAdmin(...wrong)).code, wrong.join(' ')).toBe(64);
    // None of them has forgotten anything.
    expect((await asked('get', 'red', '80x80', '-o', 'x')).code).toBe(0);
  });

  it('says in a line what is odd about how it was asked, or in what it found, and never with a stack', async () => {
    await writeFile(join(dir.path, 'wrong'), 'another\n');
    const page = createServer((_, response) => response.end('<h1>Welcome to nginx!</h1>'));
    const broken = createServer((_, response) => {
      response.writeHead(200, { 'Content-Length': '100' }).write('{');
      setTimeout(() => response.destroy(), 50);
    });
    const origins: string[] = [];
    for (const other of [page, broken]) {
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      origins.push(`http://127.0.0.1:${(other.address() as AddressInfo).port}`);
    }
    const [nginx = '', breaking = ''] = origins;
    const odd: readonly (readonly [readonly string[], number])[] = [
      [['put', 'photos', '--url', server.url], 66],
      [['put', '', '--url', server.url], 64],
      [['put', `${nginx}/missing`, 'photos/red.jpg', '--url', 'http://127.0.0.1:1'], 69],
      [['put', `${breaking}/x`, '--url', server.url], 66],
      [['put', 'photos/red.jpg', '--key', 'x'.repeat(300), '--url', server.url], 1],
      [['warm', 'nowhere', '--url', server.url], 66],
      [['warm', 'photos', '--done', 'photos', '--url', server.url], 66],
      [['get', 'red', 'auto:200x150', '-o', 'nowhere/x', '--url', server.url], 66],
      [['get', 'nothing', 'auto:80x80', '-o', 'x', '--url', server.url], 1],
      [['get', 'nothing', 'auto:80x80', '-o', 'x', '--url', nginx], 1],
      [['get', '..', 'status', '-o', 'x', '--url', server.url], 1],
      [['receipt', '..', '--url', server.url], 64],
      [['keys', '--password-file', 'wrong', '--url', server.url], 77],
      [['keys', '--password-file', 'nowhere', '--url', server.url], 66],
      [['status', '--url', 'nonsense'], 64],
      [['status', '--url', 'ftp://127.0.0.1/'], 64],
      [['status', '--url', nginx], 1],
      [['plan', '--password-file', 'password', '--url', nginx], 1],
      [['inspect', 'red', '--url', breaking], 69],
      [['verify-receipt', 'photos/red.jpg', '--key', 'photos/red.jpg'], 64],
      [['put', 'photos/red.jpg', '--no-such-option'], 64],
      [['put', '--key'], 64],
    ];
    for (const [args, code] of odd) {
      const ended = await cli(args);
      expect([args, ended.code, ended.stderr]).toEqual([
        args,
        code,
        expect.not.stringMatching(/^ {4}at |node:internal/m),
      ]);
      expect(ended.stderr).not.toBe('');
      const asJson = await cli([...args, '--json']);
      const [last = ''] = asJson.stderr.trim().split('\n').slice(-1);
      // What follows an option that takes a value is its value.
      if (args.at(-1) !== '--key')
        expect([args, JSON.parse(last)]).toMatchObject([args, { error: expect.any(String), exit: code }]);
    }
    page.close();
    broken.close();
  });

  it('is quiet without a terminal, and ends when nobody reads what it says', async () => {
    const list = Array.from({ length: 2_000 }, () => 'photos/red.jpg').join('\n');
    await writeFile(join(dir.path, 'long list'), list);
    expect(await asked('warm', 'long list')).toMatchObject({ code: 0, stderr: '' });
    const sh = await requireTool('sh');
    // What a shell has of its own alone: no program is found by its mere name.
    const reader = '{ read -r line; echo "$line"; }';
    const script = `"$0" "$1" put photos/red.jpg photos/red.jpg photos/red.jpg --url "$2" 2>err | ${reader}`;
    const { stdout } = await run(sh, ['-c', script, NODE, CLI, server.url], { cwd: dir.path });
    expect(stdout).toMatch(/^[0-9a-f]{64}\tknown\tphotos\/red\.jpg\n$/);
    expect(await readFile(join(dir.path, 'err'), 'utf8')).toBe('');
    const help = `"$0" "$1" help --json | :; echo "\${PIPESTATUS[0]}"`;
    const { stdout: ended } = await run(await requireTool('bash'), ['-c', help, NODE, CLI], { cwd: dir.path });
    expect(['0', '141']).toContain(ended.trim());
  });

  it('forgets a key, and a context', async () => {
    expect((await asAdmin('clear', 'red')).stdout).toBe('red: removed 1 image group\n');
    expect((await asAdmin('clear', '--context', 'shop')).stdout).toBe('removed 2 image groups\n');
  });
});

describe('beside a server', { timeout: 300_000 }, () => {
  it('reads the data directory as a whole, and names what is damaged', async () => {
    const before = await cli(['verify', '--json']);
    const names = await readdir(join(dir.path, 'data', 'blobs'), { recursive: true });
    const blobs = names.filter((name) => /[0-9a-f]{64}$/.test(name)).toSorted();
    expect(blobs.length).toBeGreaterThan(1);
    const told = { blobs: blobs.length, damaged: [], missing: [] };
    expect([before.code, JSON.parse(before.stdout)]).toMatchObject([0, told]);
    const [blob = ''] = blobs;
    await appendFile(join(dir.path, 'data', 'blobs', blob), 'x');
    const after = await cli(['verify']);
    expect([after.code, after.stdout]).toEqual([1, expect.stringContaining(`damaged ${blob.slice(-64)}\n`)]);
  });

  it('leaves a catalog that cannot be read as it is, and says so', async () => {
    const dataDir = join(dir.path, 'unreadable');
    const catalog = join(dataDir, 'catalog');
    await mkdir(catalog, { recursive: true });
    await writeFile(join(catalog, 'data.mdb'), 'no catalog'.repeat(10_000));
    const { code, stderr } = await cli(['verify'], { PROOFSHEET_DATA_DIR: dataDir });
    expect([code, stderr]).toEqual([73, expect.stringContaining('was left as it is')]);
    expect((await readdir(dataDir)).filter((name) => name.startsWith('catalog'))).toEqual(['catalog']);
    expect(await readFile(join(catalog, 'data.mdb'), 'utf8')).toBe('no catalog'.repeat(10_000));
    // A start does not ask.
    const store = await openEmbeddedStore({
      ...{ dataDir, clock: systemClock, logger: new FakeLogger(), metrics: new FakeMetrics() },
    });
    await store.close();
    expect((await readdir(dataDir)).some((name) => name.startsWith('catalog.broken-'))).toBe(true);
  });

  it('looks at the machine, and advises', async () => {
    const { code, stdout } = await cli(['doctor', '--json']);
    const { findings } = JSON.parse(stdout);
    const names = findings.map(({ name }: { readonly name: string }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['settings', 'data directory', 'disk', 'open files', 'clock', 'fonts', 'decoders']),
    );
    expect(code).toBe(0);
    for (const { state, advice } of findings) expect(advice !== undefined).toBe(state !== 'ok');
    const wrong = await cli(['doctor'], { PROOFSHEET_PORT: 'high' });
    expect([wrong.code, wrong.stdout]).toEqual([78, expect.stringContaining('PROOFSHEET_PORT')]);
  });
});

it('bash completes commands and their options', { timeout: 60_000 }, async () => {
  const { stdout: script } = await cli(['completion', 'bash']);
  const words = (line: string) =>
    `COMP_WORDS=(${line} ''); COMP_CWORD=$((\${#COMP_WORDS[@]} - 2)); COMPREPLY=(); _proofsheet; echo "\${COMPREPLY[@]}"`;
  const names = Object.keys(COMMANDS) as CommandName[];
  const own = names.filter((name) => name !== 'help' && name !== 'completion');
  const asked = ['inspe', 'warm --re', 'help warm', 'completion fi', ...own.map((name) => `${name} --`)];
  const { stdout } = await run(await requireTool('bash'), [
    '-c',
    [script, ...asked.map((line) => words(`proofsheet ${line}`))].join('\n'),
  ]);
  expect(stdout.trimEnd().split('\n')).toEqual([
    ...['inspect', '--report', 'warm', 'fish'],
    ...own.map((name) => [...optionsNamed(name), 'help'].map((option) => `--${option}`).join(' ')),
  ]);
});

describe('a data directory', { timeout: 300_000 }, () => {
  it('is looked at and cleared beside the server, which knows of it at once', async () => {
    const at = ['--data-dir', join(dir.path, 'data')];
    await asked('put', 'photos/red.jpg', '--key', 'beside', '--context', 'c');
    expect((await cli(['keys', ...at])).stdout.split('\n')).toContain('beside');
    const { code, stdout } = await cli(['inspect', 'beside', '--context', 'c', ...at, '--json']);
    const { source, previews } = JSON.parse(stdout);
    expect([code, source, previews.every(({ isStored }: { readonly isStored: boolean }) => isStored)]).toMatchObject([
      0,
      { type: 'jpeg', widthPx: 320, heightPx: 240, isKept: true, isComplete: true },
      true,
    ]);
    const elsewhere = await cli(['inspect', 'beside', ...at]);
    expect([elsewhere.code, elsewhere.stderr]).toEqual([1, expect.stringContaining('in this context; it is in "c"')]);
    expect(JSON.parse((await cli(['inspect', 'beside', ...at, '--json'])).stderr)).toMatchObject({ exit: 1 });
    // As a server tells it.
    const formats = ['png:90x90', 'auto:2000x2000', 'jpg:60x60~cover'];
    const told = await asked('inspect', 'beside', ...formats, '--context', 'c', '--json');
    const answers = JSON.parse(told.stdout).answers.map((answer: object) => ({ ...answer, status: undefined }));
    await asked('put', 'photos/red.jpg', '--key', 'beside');
    const looked = await cli(['inspect', 'beside', ...formats, '--context', 'c', ...at, '--json']);
    const { answers: ours, contexts } = JSON.parse(looked.stdout);
    expect([looked.code, ours, contexts.toSorted()]).toEqual([0, answers, ['', 'c']]);
    const { stdout: lines } = await cli(['inspect', 'beside', 'png:90x90', '--context', 'c', ...at]);
    expect(lines).toMatch(/who asks for.* png:90x90 +\w+; format="/s);
    expect(lines).toContain('the key is in the default context, too');
    expect(await cli(['clear', 'beside', ...at])).toMatchObject({ code: 0, stdout: 'removed 2 image groups\n' });
    expect((await asked('get', 'beside', '80x80', '--context', 'c', '-o', 'x')).code).toBe(1);
    expect((await cli(['keys', '--data-dir', join(dir.path, 'nowhere')])).code).toBe(73);
    for (const wrong of [
      ['clear', ...at],
      ['clear', '--context', '', ...at],
      ['clear', 'beside', '--context=', ...at],
      ['keys', 'x', ...at],
      ['inspect', ...at],
      ['keys', ...at, '--url', server.url],
    ])
      expect((await cli(wrong)).code).toBe(64);
  });
});

describe('takedowns from the command line', { timeout: 300_000 }, () => {
  it('takes down, proves it, and keeps the content out until it is let back', async () => {
    await asked('put', 'photos/red.jpg', '--key', 'gone');
    const { stdout: told } = await asked('put', 'photos/red.jpg', '--json');
    const content = JSON.parse(told).key as string;
    expect(await asked('purge', 'gone', '--reason', 'r')).toMatchObject({ code: 77 });
    expect(await asAdmin('purge', 'gone')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('needs --reason'),
    });
    const purge = ['purge', '--content', content, '--block', '--reason', 'ticket 4711', '-o', 'receipt.jws'];
    const purged = await asAdmin(...purge, '--json');
    const { receipt } = JSON.parse(purged.stdout);
    expect([purged.code, receipt]).toMatchObject([0, { isComplete: true, blocked: { contents: [content] } }]);
    expect(await asAdmin('receipt', receipt.id)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('ticket 4711'),
    });
    for (const key of [[], ['--key', 'receipt.pem']])
      expect(await asked('verify-receipt', 'receipt.jws', ...key)).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^the signature is right\n/),
      });
    const jws = await readFile(join(dir.path, 'receipt.jws'), 'utf8');
    await writeFile(
      join(dir.path, 'forged.jws'),
      jws.replace(/\.[^.]*\./, `.${Buffer.from('{}').toString('base64url')}.`),
    );
    expect(await asked('verify-receipt', 'forged.jws')).toMatchObject({ code: 1 });
    expect(await asked('put', 'photos/red.jpg')).toMatchObject({ code: 77, stderr: expect.stringContaining('(4031)') });
    expect((await asAdmin('tombstones')).stdout).toContain(content);
    expect(await asAdmin('unblock', content)).toMatchObject({ code: 0 });
    expect(await asked('put', 'photos/red.jpg', '--key', 'gone')).toMatchObject({ code: 0 });
    expect(await asAdmin('receipt', 'tkd_none')).toMatchObject({ code: 1 });
  });

  it('tells of one command, and of all', async () => {
    for (const args of [
      ['help', 'purge'],
      ['purge', '--help'],
    ])
      expect(await cli(args)).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^ {2}purge KEY[\s\S]*--reason[\s\S]*--url URL/),
      });
    expect(await cli(['help', 'nonsense'])).toMatchObject({ code: 64 });
  });
});
