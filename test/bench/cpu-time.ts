// Processor time of work that this process does, and of work that its converter children do for it.
import { cpuMs, processTree } from './process-tree.js';

/** Of this process during `work`, ms. */
export async function inProcess(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Of this process's converter child during `work`, ms: /proc tells it to 10 ms. */
export async function inChildren(work: () => Promise<unknown>): Promise<number> {
  const children = (await processTree(process.pid)).filter((pid) => pid !== process.pid);
  const before = await Promise.all(children.map(cpuMs));
  await work();
  const after = await Promise.all(children.map(cpuMs));
  return after.reduce((sum, ms, index) => sum + ms - (before[index] ?? 0), 0);
}
