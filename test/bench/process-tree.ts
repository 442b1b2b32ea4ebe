// What a process and its descendants use, from /proc.
import { readdir, readFile } from 'node:fs/promises';

/** Linux counts processor time in hundredths of a second towards programs (USER_HZ), whatever the kernel's own tick. */
const MS_PER_TICK = 10;

/** `pid` and all its descendants that live now. */
export async function processTree(pid: number): Promise<number[]> {
  const tree = [pid];
  for (let at = 0; at < tree.length; at++) tree.push(...(await childrenOf(tree[at] ?? 0)));
  return tree;
}

async function childrenOf(pid: number): Promise<number[]> {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => '')),
  );
  return lists.join(' ').split(' ').filter(Boolean).map(Number);
}

/** Processor time that the process has used so far, ms, to 10 ms; 0 for one that is gone. */
export async function cpuMs(pid: number): Promise<number> {
  return (await timesOf(pid)).own;
}

/** Processor time of the process, and of its children that have ended, ms. */
async function timesOf(pid: number): Promise<{ readonly own: number; readonly ended: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // The name in parentheses may hold blanks; user and system time are the 12th and 13th field behind it, and behind them the same
  // of children that were waited for (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const sum = (...at: readonly number[]): number => at.reduce((ms, field) => ms + Number(fields[field] ?? 0), 0);
  return { own: sum(11, 12) * MS_PER_TICK, ended: sum(13, 14) * MS_PER_TICK };
}

/** Memory of the process's own, bytes: what it maps of files (LMDB's pages, libraries) is the kernel's to take back. */
export async function ownMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

/** The own memory of the process and all its descendants, bytes. */
export async function treeMemory(pid: number): Promise<number> {
  const each = await Promise.all((await processTree(pid)).map(ownMemory));
  return each.reduce((sum, bytes) => sum + bytes, 0);
}

/** Processor time of the process and all its descendants, ms: of those that live, and of those that ended and were waited for. */
export async function treeCpuMs(pid: number): Promise<number> {
  const each = await Promise.all(
    (await processTree(pid)).map(async (one) => {
      const times = await timesOf(one);
      return times.own + times.ended;
    }),
  );
  return each.reduce((sum, ms) => sum + ms, 0);
}
