// What is in a directory and below it while a server is at work in it: Node's own recursive reading throws when a directory
// goes between being listed and being read.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Paths below `dir`, directories before what is in them; what goes meanwhile is not there. */
export async function namesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const names: string[] = [];
  for (const entry of entries) {
    names.push(entry.name);
    if (entry.isDirectory())
      names.push(...(await namesBelow(join(dir, entry.name))).map((name) => `${entry.name}/${name}`));
  }
  return names;
}
