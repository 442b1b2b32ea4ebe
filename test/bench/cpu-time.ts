// Processor time of work that this process does, and of work that its converter children do for it.
import { cpuMs, treeCpuMs } from './process-tree.js';

/** Of this process during `work`, ms. */
export async function inProcess(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Of this process's children during `work`, ms, those included that end or start meanwhile: /proc tells it to 10 ms. */
export async function inChildren(work: () => Promise<unknown>): Promise<number> {
  const before = await childrenMs();
  await work();
  return (await childrenMs()) - before;
}

async function childrenMs(): Promise<number> {
  return (await treeCpuMs(process.pid)) - (await cpuMs(process.pid));
}
