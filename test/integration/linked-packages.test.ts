// Packages behind links, as pnpm lays them out, and loaded late: Node does not follow the link where the last thing whose state the process
// has asked for, at once and in plain numbers, was a pipe or a socket (nodejs/node#51142); the package then misses its own. So who looks
// at a pipe or a socket leaves nothing behind that the next `import()` trips over.
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run } from '../support/processes.js';
import { withTempDir } from '../support/temp-dir.js';
import { NODE } from '../support/tools.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** One that needs another package, which is found only beside where the link leads. */
const PACKAGE = 'yazl';

const GROUP = '0'.repeat(12);
const NAME = `${GROUP}-999999999-${'a'.repeat(16)}`;

/** Makes the socket `name` in the directory `locks`, on which nobody listens any more. */
const LEFT = `
async function leave(name) {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(locks + '/left', resolve));
  fs.renameSync(locks + '/left', locks + '/' + name);
  await new Promise((resolve) => server.close(resolve));
}`;

const load = (module: string): string => `await import(${JSON.stringify(join(ROOT, 'dist', module))})`;
const LOCK = `const { GroupLock, foreignHolders } = ${load('stores/embedded/group-lock.js')};`;
const TAKE = `await GroupLock.take(locks, '${GROUP}')`;

const DEEDS = {
  'has opened its log on a pipe': `(${load('telemetry/standard-output.js')}).standardOutput();`,
  'holds its lock': `${LOCK} ${TAKE};`,
  'has looked whether it holds its lock': `${LOCK} (${TAKE}).isLost();`,
  'has let go of a lock that others hold': `${LOCK} const lock = ${TAKE}; ${TAKE}; lock.release();`,
  'has removed the name of a dead process': `${LOCK} await leave('${NAME}'); await foreignHolders(locks, '${GROUP}');`,
  'has found a name that nobody listens on yet': `${LOCK} await leave('${NAME}.new'); await foreignHolders(locks, '${GROUP}');`,
  'has removed a name that nobody has listened on for an hour': `${LOCK} await leave('${NAME}.new');
    fs.utimesSync(locks + '/${NAME}.new', 1, 1); await foreignHolders(locks, '${GROUP}');`,
};

/** Whether a process that did `deed` can load a package behind a link afterwards. */
function loadsAfter(deed: string): Promise<boolean> {
  return withTempDir(async (path) => {
    await mkdir(join(path, 'node_modules'));
    await mkdir(join(path, 'locks'));
    await symlink(join(ROOT, 'node_modules', PACKAGE), join(path, 'node_modules', PACKAGE));
    const script = `import fs from 'node:fs';
import net from 'node:net';
const locks = ${JSON.stringify(join(path, 'locks'))};
${LEFT}
${deed}
const said = await import('${PACKAGE}').then(() => 'loaded', ({ code }) => code);
fs.writeSync(1, said);
process.exit();`;
    await writeFile(join(path, 'late.mjs'), script);
    const { stdout } = await run(NODE, [join(path, 'late.mjs')], { cwd: path });
    expect(stdout).toMatch(/^(loaded|MODULE_NOT_FOUND|ERR_MODULE_NOT_FOUND)$/);
    return stdout === 'loaded';
  });
}

describe('a package behind a link is loaded by a process that', () => {
  it.each(Object.entries(DEEDS))('%s', async (_does, deed) => {
    expect(await loadsAfter(deed)).toBe(true);
  });
});

it('is not put at risk by any file of src/ that deals with sockets or pipes', () => {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  const texts = files.map((path) => [path, readFileSync(join(ROOT, 'src', path), 'utf8')] as const);
  const dealing = texts.filter(([, text]) => /from 'node:net'|isFIFO|isSocket/.test(text));
  expect(dealing.length).toBeGreaterThan(5);
  for (const [path, text] of dealing) {
    for (const [call] of text.matchAll(/\w*[sS]tatSync\([^;]*;/g)) expect(call, path).toContain('bigint: true');
    expect(text, path).not.toContain('rmSync(');
  }
});
