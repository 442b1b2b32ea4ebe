// What the benchmark compares with and measures by, installed into its own place or by Debian's packages where it is missing.
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Not beside the benchmark's own files: those are to find the product's sharp, not a peer's. */
const OWN_DIR = new URL('peers/', import.meta.url).pathname;
/** Servers live here, and an ordinary user's PATH often does not name them. */
const SYSTEM_DIRECTORIES = ['/usr/sbin', '/usr/local/sbin'];
const INSTALL_TIMEOUT_MS = 600_000;

/** A program by its Debian package, or an npm package that lives in test/bench/peers/node_modules. */
const TOOLS = {
  wrk: { debian: 'wrk', binary: 'wrk' },
  nginx: { debian: 'nginx-light', binary: 'nginx' },
  vips: { debian: 'libvips-tools', binary: 'vips' },
  ipx: { npm: 'ipx' },
} as const satisfies Record<string, { debian: string; binary: string } | { npm: string }>;

export type PeerTool = keyof typeof TOOLS;

/** Installs what is missing of `names`. Throws, saying how to install it by hand, when that cannot be done. */
export async function installPeers(names: readonly PeerTool[], log: (text: string) => void): Promise<void> {
  const debian: string[] = [];
  let npm = false;
  for (const name of new Set(names)) {
    const tool = TOOLS[name];
    if ('npm' in tool) npm ||= !(await isReadable(join(OWN_DIR, 'node_modules', tool.npm, 'package.json')));
    else if ((await pathOf(tool.binary)) === undefined) debian.push(tool.debian);
  }
  if (debian.length > 0) {
    log(`installing ${debian.join(' ')}`);
    const quiet = {
      timeout: INSTALL_TIMEOUT_MS,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    };
    await attempt(`apt-get install ${debian.join(' ')}`, async () => {
      await run('apt-get', ['-qq', 'update'], quiet);
      await run('apt-get', ['-qq', 'install', '--yes', '--no-install-recommends', ...debian], quiet);
    });
  }
  if (npm) {
    log('installing the peers from npm into test/bench/peers');
    await attempt(`npm ci --ignore-scripts --prefix ${OWN_DIR}`, () =>
      run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: OWN_DIR, timeout: INSTALL_TIMEOUT_MS }),
    );
  }
}

/** The path of an installed program. */
export async function findPeerTool(name: Exclude<PeerTool, 'ipx'>): Promise<string> {
  const path = await pathOf(TOOLS[name].binary);
  if (path === undefined) throw new Error(`expected ${name} to be installed, it is not`);
  return path;
}

async function attempt(byHand: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new Error(`a peer of the benchmark could not be installed; try by hand: ${byHand}`, { cause: error });
  }
}

async function pathOf(binary: string): Promise<string | undefined> {
  const directories = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_DIRECTORIES].filter(Boolean);
  for (const directory of directories) {
    const path = join(directory, binary);
    if (await isReadable(path, constants.X_OK)) return path;
  }
  return undefined;
}

function isReadable(path: string, mode = constants.R_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}
