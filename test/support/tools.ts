// The programs that tests start besides Node: found where they are, installed from Debian's packages where that is
// possible, and otherwise named clearly. Started by processes.ts, which takes nothing else. A test is never passed over because its tool is missing.
import { execFile } from 'node:child_process';
import { access, constants, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isRunning } from './processes.js';

interface Tool {
  /** The Debian package that brings it. */
  readonly debian: string;
  /** Packages that it is no use without. */
  readonly also?: readonly string[];
  /** Its names on PATH, or where it always is; the first that is found is taken. */
  readonly binaries: readonly string[];
}

export const TOOLS = {
  'redis-server': { debian: 'redis-server', binaries: ['redis-server'] },
  'redis-sentinel': { debian: 'redis-sentinel', binaries: ['redis-sentinel'] },
  'redis-cli': { debian: 'redis-tools', binaries: ['redis-cli'] },
  chromium: { debian: 'chromium', binaries: ['chromium', 'chromium-browser', 'google-chrome'] },
  nginx: { debian: 'nginx-light', binaries: ['nginx'] },
  caddy: { debian: 'caddy', binaries: ['caddy'] },
  haproxy: { debian: 'haproxy', binaries: ['haproxy'] },
  curl: { debian: 'curl', binaries: ['curl'] },
  openssl: { debian: 'openssl', binaries: ['openssl'] },
  faketime: { debian: 'faketime', binaries: ['faketime'] },
  strace: { debian: 'strace', binaries: ['strace'] },
  'swift-proxy-server': { debian: 'swift-proxy', binaries: ['swift-proxy-server'] },
  'swift-account-server': { debian: 'swift-account', binaries: ['swift-account-server'] },
  'swift-container-server': { debian: 'swift-container', binaries: ['swift-container-server'] },
  'swift-object-server': { debian: 'swift-object', binaries: ['swift-object-server'] },
  // Debian's package of the server brings the tool; neither is left running (withoutServices).
  promtool: { debian: 'prometheus', binaries: ['promtool'] },
  wrk: { debian: 'wrk', binaries: ['wrk'] },
  prometheus: { debian: 'prometheus', binaries: ['prometheus'] },
  'heif-enc': { debian: 'libheif-examples', binaries: ['heif-enc'] },
  cjxl: { debian: 'libjxl-tools', binaries: ['cjxl'] },
  opj_compress: { debian: 'libopenjp2-tools', binaries: ['opj_compress'] },
  // Brings fonts along, which is all that is wanted of it.
  'fc-match': { debian: 'fontconfig', binaries: ['fc-match'] },
  qpdf: { debian: 'qpdf', binaries: ['qpdf'] },
  vips: { debian: 'libvips-tools', binaries: ['vips'] },
  iipsrv: { debian: 'iipimage-server', binaries: ['/usr/lib/iipimage-server/iipsrv.fcgi'] },
  // Its icons are looked at too.
  convert: { debian: 'imagemagick', binaries: ['convert-im6.q16', 'convert'] },
  // With the module that its clients use.
  php: { debian: 'php-cli', also: ['php-curl'], binaries: ['php'] },
  'systemd-analyze': { debian: 'systemd', binaries: ['systemd-analyze'] },
  bash: { debian: 'bash', binaries: ['bash'] },
  sh: { debian: 'dash', binaries: ['sh'] },
  printenv: { debian: 'coreutils', binaries: ['printenv'] },
  sleep: { debian: 'coreutils', binaries: ['sleep'] },
  tar: { debian: 'tar', binaries: ['tar'] },
  // `cut` and `tr` of documented commands stand beside it.
  cut: { debian: 'coreutils', binaries: ['cut'] },
  mkfifo: { debian: 'coreutils', binaries: ['mkfifo'] },
  mount: { debian: 'mount', binaries: ['mount'] },
  setpriv: { debian: 'util-linux', binaries: ['setpriv'] },
  unshare: { debian: 'util-linux', binaries: ['unshare'] },
  npm: { debian: 'npm', binaries: ['npm'] },
  npx: { debian: 'npm', binaries: ['npx'] },
  // Debian's own, which alone sees what Debian's packages bring.
  'debian-python3': { debian: 'python3', binaries: ['/usr/bin/python3'] },
} as const satisfies Record<string, Tool>;

export type ToolName = keyof typeof TOOLS;

declare const found: unique symbol;
/** The path of a program that was looked for and is there: what processes.ts starts, and nothing else. */
export type Program = string & { readonly [found]: true };

/** The Node that runs the tests. */
export const NODE = process.execPath as Program;

/** What packages bring lies here, whatever PATH says; an ordinary user's often leaves the servers' out. */
export const SYSTEM_DIRECTORIES = ['/usr/bin', '/bin', '/usr/sbin', '/usr/local/sbin', '/sbin'];
const INSTALL_TIMEOUT_MS = 600_000;
const LOCK_POLL_MS = 200;
/** The same for every run on the machine, wherever its temporary files are. */
const LOCK_DIRECTORY = '/tmp/proofsheet-test-tools.lock';
/** Asked by Debian's packages whether they may start a server: 101 is no. */
const POLICY_FILE = '/usr/sbin/policy-rc.d';

const run = promisify(execFile);

/** The path of the tool's program. Throws an error that says how to install it when it cannot be had. */
export async function requireTool(name: ToolName): Promise<Program> {
  const found = await findTool(name);
  if (found !== undefined) return found;
  await installTools([name]);
  const installed = await findTool(name);
  if (installed === undefined) throw new MissingToolError(name, 'its package brought no such program');
  return installed;
}

/** The path of the tool's program, if it is there. */
export async function findTool(name: ToolName): Promise<Program | undefined> {
  const directories = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_DIRECTORIES].filter(Boolean);
  for (const directory of directories) {
    for (const binary of TOOLS[name].binaries) {
      const path = resolve(directory, binary);
      if (await isExecutable(path)) return path as Program;
    }
  }
  return undefined;
}

/** The program at `path`, if there is one: for what no package of Debian brings. */
export async function programAt(path: string): Promise<Program | undefined> {
  return (await isExecutable(path)) ? (path as Program) : undefined;
}

/** Installs those of `names` that are missing, in one go; one process at a time. */
export async function installTools(names: readonly ToolName[]): Promise<void> {
  if ((await missingOf(names)).length === 0) return;
  const release = await lock();
  try {
    // Again, since another process may have installed them while this one waited.
    const missing = await missingOf(names);
    const [first] = missing;
    if (first === undefined) return;
    const obstacle = await obstacleToInstalling();
    if (obstacle !== undefined) throw new MissingToolError(first, obstacle);
    const packages = missing.map((name): Tool => TOOLS[name]).flatMap(({ debian, also = [] }) => [debian, ...also]);
    console.log(`installing for the tests: ${packages.join(' ')}`);
    try {
      await aptGet('update');
      await withoutServices(() => aptGet('install', '--yes', '--no-install-recommends', ...packages));
    } catch (error) {
      throw new MissingToolError(first, 'apt-get failed', { cause: error });
    }
  } finally {
    await release();
  }
}

export class MissingToolError extends Error {
  override readonly name = 'MissingToolError';

  constructor(name: ToolName, why: string, options: ErrorOptions = {}) {
    const { debian, binaries } = TOOLS[name];
    super(
      `this test needs the program ${binaries.join(' or ')}, which is not installed, and could not be installed (${why}); ` +
        `on Debian or Ubuntu: apt-get install ${debian}`,
      options,
    );
  }
}

async function missingOf(names: readonly ToolName[]): Promise<ToolName[]> {
  const found = await Promise.all(names.map(findTool));
  return names.filter((_, index) => found[index] === undefined);
}

async function obstacleToInstalling(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'only root may install packages';
  return (await isExecutable('/usr/bin/apt-get')) ? undefined : 'there is no apt-get here';
}

async function aptGet(...args: readonly string[]): Promise<void> {
  await run('/usr/bin/apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=300', ...args], {
    timeout: INSTALL_TIMEOUT_MS,
    env: { ...process.env, PATH: SYSTEM_DIRECTORIES.join(delimiter), DEBIAN_FRONTEND: 'noninteractive' },
  });
}

/** Packages that `work` installs start no server of their own: the tests start theirs. A policy that is there stays. */
async function withoutServices(work: () => Promise<void>): Promise<void> {
  const isOurs = await writeFile(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' }).then(
    () => true,
    () => false,
  );
  try {
    await work();
  } finally {
    if (isOurs) await rm(POLICY_FILE);
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Only one process makes the directory; one whose maker is dead is nobody's. */
async function lock(): Promise<() => Promise<void>> {
  const ownerFile = join(LOCK_DIRECTORY, 'pid');
  const deadline = Date.now() + INSTALL_TIMEOUT_MS;
  for (;;) {
    try {
      await mkdir(LOCK_DIRECTORY);
      await writeFile(ownerFile, String(process.pid));
      return () => rm(LOCK_DIRECTORY, { recursive: true, force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    if (Date.now() > deadline) throw new Error(`expected ${LOCK_DIRECTORY} to become free, it did not`);
    // Whoever made the directory writes its pid right after: wait first, so that a missing pid means a dead maker.
    await sleep(LOCK_POLL_MS);
    const owner = Number(await readFile(ownerFile, 'utf8').catch(() => 'none'));
    if (!isRunning(owner)) await rm(LOCK_DIRECTORY, { recursive: true, force: true });
  }
}
