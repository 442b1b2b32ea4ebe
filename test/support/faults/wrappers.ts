// Commands to start a server behind: with few file handles, on a small or read-only disk of its own, under a tracer that
// kills it at a system call. Each replaces itself by the server, so that the pid is the server's.
import { once } from 'node:events';
import { until } from '../gate.js';
import { start } from '../processes.js';
import type { Wrapper } from '../server-process.js';
import { requireTool } from '../tools.js';

/** At most `files` open files in the server and its children; soft and hard, unless the hard limit is lower. */
export async function withOpenFiles(files: number): Promise<Wrapper> {
  return [await requireTool('sh'), '-c', 'ulimit -n "$0" && exec "$@"', String(files)];
}

/**
 * In a mount namespace of its own, with an empty file system of `bytes` at `path` (an existing directory), which holds as many
 * `files`. Seen from outside through `insideOf`. As an ordinary user in a user namespace too.
 */
export function withSmallDisk(path: string, bytes: number, files = 20_000): Promise<Wrapper> {
  return inMountNamespace('"$MOUNT" -t tmpfs -o size="$1",nr_inodes="$2" tmpfs "$0" && shift 2 && exec "$@"', path, [
    String(bytes),
    String(files),
  ]);
}

/** `path` (an existing directory) is a read-only file system. */
export function withReadOnly(path: string): Promise<Wrapper> {
  return inMountNamespace('"$MOUNT" --bind "$0" "$0" && "$MOUNT" -o remount,bind,ro "$0" && exec "$@"', path, []);
}

/** `path` as the process sees it, for everybody else. */
export function insideOf(pid: number, path: string): string {
  return `/proc/${pid}/root${path}`;
}

/** Killed with SIGKILL by the `nth` call (from 1) of `systemCall` in any of its threads. */
export async function killedAt(systemCall: string, nth: number): Promise<Wrapper> {
  // -D: the tracer is the grandchild, and the server keeps the pid.
  const inject = `inject=${systemCall}:signal=KILL:when=${nth}`;
  return [await requireTool('strace'), '-D', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${systemCall}`, '-e', inject];
}

/**
 * From now on every one of `systemCalls` fails with `errno` in all threads of the process; the returned function ends that.
 * How a disk behaves whose file system has given up, and that comes back.
 */
export async function failing(
  pid: number,
  systemCalls: readonly string[],
  errno: string,
): Promise<() => Promise<void>> {
  const calls = systemCalls.join(',');
  const tracer = start(await requireTool('strace'), [
    '-f',
    '-o',
    '/dev/null',
    '-e',
    `trace=${calls}`,
    '-e',
    `inject=${calls}:error=${errno}`,
    '-p',
    String(pid),
  ]);
  const gone = once(tracer, 'exit');
  tracer.stdout.resume();
  let said = '';
  tracer.stderr.on('data', (text: Buffer) => {
    said += text.toString();
  });
  await until(() => /attached/.test(said) || tracer.exitCode !== null, 'strace attaches');
  if (tracer.exitCode !== null) throw new Error(`strace: ${said}`);
  return async () => {
    tracer.kill('SIGINT');
    await gone;
  };
}

/**
 * In a PID namespace of its own, as in a container: the server has process id 2 there, like every other. The pid seen outside is
 * the wrapper's, which hands no signal on but SIGKILL.
 */
export async function inContainer(): Promise<Wrapper> {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  return [
    await requireTool('unshare'),
    ...user,
    '--pid',
    '--mount-proc',
    '--fork',
    '--kill-child',
    await requireTool('sh'),
    '-c',
    '"$@"; exit $?',
    'sh',
  ];
}

async function inMountNamespace(script: string, path: string, args: readonly string[]): Promise<Wrapper> {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const [unshare, sh, mount] = await Promise.all([requireTool('unshare'), requireTool('sh'), requireTool('mount')]);
  const named = script.replaceAll('"$MOUNT"', mount);
  return [unshare, ...user, '--mount', '--propagation=private', sh, '-c', named, path, ...args];
}
