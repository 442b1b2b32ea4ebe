// Commands to start a server behind: with few file handles, on a small or read-only disk of its own, under a tracer that
// kills it at a system call. Each replaces itself by the server, so that the pid is the server's.
import { requireTool } from '../tools.js';

/** At most `files` open files in the server and its children; soft and hard, unless the hard limit is lower. */
export function withOpenFiles(files: number): readonly string[] {
  return ['/bin/sh', '-c', 'ulimit -n "$0" && exec "$@"', String(files)];
}

/**
 * In a mount namespace of its own, with an empty file system of `bytes` at `path` (an existing directory). Seen from
 * outside through `insideOf`. As an ordinary user in a user namespace too.
 */
export function withSmallDisk(path: string, bytes: number): readonly string[] {
  return inMountNamespace('mount -t tmpfs -o size="$1",nr_inodes=20000 tmpfs "$0" && shift && exec "$@"', path, [
    String(bytes),
  ]);
}

/** `path` is a mount of its own, which `remountReadOnly` can turn. */
export function withOwnMount(path: string): readonly string[] {
  return inMountNamespace('mount --bind "$0" "$0" && exec "$@"', path, []);
}

/** `path` as the process sees it, for everybody else. */
export function insideOf(pid: number, path: string): string {
  return `/proc/${pid}/root${path}`;
}

/** The command that turns the mount at `path` of a server that was started `withOwnMount`. */
export function remount(pid: number, path: string, how: 'ro' | 'rw'): readonly string[] {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--preserve-credentials'];
  return ['nsenter', `--target=${pid}`, '--mount', ...user, 'mount', '-o', `remount,bind,${how}`, path];
}

/** Killed with SIGKILL by the `nth` call (from 1) of `systemCall` in any of its threads. */
export async function killedAt(systemCall: string, nth: number): Promise<readonly string[]> {
  // -D: the tracer is the grandchild, and the server keeps the pid.
  const inject = `inject=${systemCall}:signal=KILL:when=${nth}`;
  return [await requireTool('strace'), '-D', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${systemCall}`, '-e', inject];
}

/** The `nth` and every later call of `systemCall` fails with `errno`. */
export async function failingFrom(systemCall: string, errno: string, nth: number): Promise<readonly string[]> {
  const inject = `inject=${systemCall}:error=${errno}:when=${nth}+`;
  return [await requireTool('strace'), '-D', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${systemCall}`, '-e', inject];
}

function inMountNamespace(script: string, path: string, args: readonly string[]): readonly string[] {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  return ['unshare', ...user, '--mount', '--propagation=private', '/bin/sh', '-c', script, path, ...args];
}
