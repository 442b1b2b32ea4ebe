// What the figures were measured on: cores, memory and the versions of everything that matters.
import { readFile } from 'node:fs/promises';
import { cpus, release, totalmem, type } from 'node:os';
import sharp from 'sharp';
import { run } from '../support/processes.js';
import { requireTool } from '../support/tools.js';
import type { PeerTool } from './tools.js';

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGiB: number;
  readonly system: string;
  readonly versions: readonly string[];
}

/** This machine, with the versions of the peers in `tools`. */
export async function describeMachine(tools: readonly PeerTool[]): Promise<Machine> {
  const processors = cpus();
  return {
    cores: processors.length,
    processor: processors[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    system: `${type()} ${release().split('-')[0]}`,
    versions: [
      `Node ${process.versions.node}`,
      `sharp ${sharp.versions.sharp}`,
      `libvips ${sharp.versions.vips}`,
      ...(await Promise.all([...new Set(tools)].map(versionOf))),
    ],
  };
}

/** Some programs name their version on stderr, and some leave with an error after it. */
async function versionOf(tool: PeerTool): Promise<string> {
  if (tool === 'ipx') {
    const manifest = await readFile(new URL('peers/node_modules/ipx/package.json', import.meta.url), 'utf8');
    return `ipx ${(JSON.parse(manifest) as { readonly version: string }).version}`;
  }
  const output = await run(await requireTool(tool), ['-v']).catch((error: unknown) => error as Record<string, string>);
  const version = /(\d+\.\d+[\w.-]*)/.exec(`${output.stdout}${output.stderr}`)?.[1];
  return `${tool} ${version ?? 'of unknown version'}`;
}
