// Who knows nothing has a first preview in an app of their own: the README's commands and file as they stand, in an empty directory, with the
// package as npm packs it. What npm would fetch is linked from here.
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { readDocument } from '../support/documents.js';
import { until } from '../support/gate.js';
import { freePort } from '../support/ports.js';
import { run, start } from '../support/processes.js';
import { withTempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';
import { requireTool } from '../support/tools.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const [, SECTION = ''] = /^## In your app\n(.*?)^## /ms.exec(readDocument('README.md')) ?? [];

const blocks = (language: string) =>
  [...SECTION.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map(([, text = '']) => text);

/** As npm install leaves it behind: the package itself, what it needs, and its command. */
async function install(dir: string): Promise<void> {
  const npm = await requireTool('npm');
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', dir];
  const { stdout } = await run(npm, args, { cwd: ROOT, env: { ...process.env, HOME: dir } });
  const [packed] = JSON.parse(stdout) as readonly { readonly filename: string }[];
  const own = join(dir, 'node_modules', 'proofsheet');
  await mkdir(own, { recursive: true });
  // Unzipped here: tar would start gzip by its mere name.
  const tarball = join(dir, 'proofsheet.tar');
  await writeFile(tarball, gunzipSync(await readFile(join(dir, packed?.filename ?? ''))));
  await run(await requireTool('tar'), ['-xf', tarball, '-C', own, '--strip-components=1']);
  const { dependencies, optionalDependencies, bin } = JSON.parse(await readFile(join(own, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly optionalDependencies: Readonly<Record<string, string>>;
    readonly bin: Readonly<Record<string, string>>;
  };
  // What a dependency needs itself, Node finds beside where the link leads to. Nothing that only tests need is there.
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const place = join(dir, 'node_modules', name);
    await mkdir(dirname(place), { recursive: true });
    await symlink(join(ROOT, 'node_modules', name), place);
  }
  await writeFile(join(dir, 'package.json'), '{"dependencies":{"proofsheet":"*"}}');
  await mkdir(join(dir, 'node_modules', '.bin'));
  await chmod(join(own, bin.proofsheet ?? ''), 0o755);
  await symlink(join('..', 'proofsheet', bin.proofsheet ?? ''), join(dir, 'node_modules', '.bin', 'proofsheet'));
}

it('by three commands and a file, all of them in the README', { timeout: 300_000 }, async () => {
  const commands = blocks('sh').flatMap((block) => block.trim().split('\n'));
  expect(commands).toEqual(['npm install proofsheet', 'npx proofsheet serve', 'node first-preview.mjs']);
  const [script = ''] = blocks('js');
  await withTempDir(async (dir) => {
    await install(dir);
    const home = join(dir, 'home');
    await mkdir(home);
    const port = String(await freePort());
    const sh = await requireTool('sh');
    // Who has npm has npx, which the commands start by its name.
    const programs = join(dir, 'programs');
    await mkdir(programs);
    await symlink(await requireTool('npx'), join(programs, 'npx'));
    const env = {
      PATH: `${programs}:${process.env.PATH ?? ''}`,
      HOME: home,
      npm_config_update_notifier: 'false',
      PROOFSHEET_PORT: port,
    };
    const server = start(sh, ['-c', commands[1] ?? ''], { cwd: dir, env });
    let said = '';
    for (const stream of [server.stdout, server.stderr])
      stream.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
    const gone = new Promise((resolve) => server.once('exit', resolve));
    try {
      await until(() => said.includes('"listening"'), 'the server to listen');
      await writeFile(join(dir, 'photo.jpg'), await jpegOf(1200, 900));
      await writeFile(join(dir, 'first-preview.mjs'), script.replace('127.0.0.1:8005', `127.0.0.1:${port}`));
      const { stdout } = await run(sh, ['-c', commands[2] ?? ''], { cwd: dir, env });
      expect(await sharp(join(dir, 'thumb.jpg')).metadata()).toMatchObject({ format: 'jpeg', width: 200, height: 150 });
      const [url = ''] = /http:\S+/.exec(stdout) ?? [];
      expect((await fetch(url)).status).toBe(200);
      // Nothing but a first line of what it does and what went wrong is said by default.
      expect(said).not.toMatch(/"level":"(?:warn|error)"/);
      expect(await readdir(dir)).toContain('data');
    } finally {
      server.kill('SIGTERM');
      await gone;
    }
  });
});
