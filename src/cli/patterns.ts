// Patterns of file names that no shell has expanded: quoted, in a unit of systemd, or on Windows. `*` and `?` within a name, `**` for
// folders of any depth. Files alone, by the order of their names; hidden ones as shells have it, only where the pattern begins with a dot.
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Each as it is, or what it matches where it is a pattern and no file is named so; one that nothing matches stays. */
export async function expanded(places: readonly string[]): Promise<readonly string[]> {
  const all = await Promise.all(places.map(async (place) => ((await isMeantAsPattern(place)) ? filesOf(place) : [])));
  return places.flatMap((place, at) => (all[at]?.length ? all[at] : [place]));
}

/** A URL has question marks of its own. */
export function isPattern(place: string): boolean {
  return /[*?]/.test(place) && !/^https?:\/\//.test(place);
}

async function isMeantAsPattern(place: string): Promise<boolean> {
  return isPattern(place) && !(await exists(place));
}

async function filesOf(pattern: string): Promise<readonly string[]> {
  const isAbsolute = pattern.startsWith('/');
  const parts = pattern.split('/').filter((part) => part !== '');
  return matching(isAbsolute ? '/' : '', parts);
}

async function matching(folder: string, [part = '', ...rest]: readonly string[]): Promise<readonly string[]> {
  const below = (name: string): string => (folder === '' ? name : join(folder, name));
  if (!isPattern(part)) {
    const path = below(part);
    if (rest.length > 0) return matching(path, rest);
    return (await exists(path)) ? [path] : [];
  }
  const entries = await entriesOf(folder);
  if (part === '**') {
    // Links are not followed there, lest they lead round in a circle.
    const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
    const deeper = folders.map(({ name }) => matching(below(name), [part, ...rest]));
    return [...(await matching(folder, rest.length > 0 ? rest : ['*'])), ...(await Promise.all(deeper)).flat()];
  }
  const expression = expressionOf(part);
  const named = entries.filter(({ name }) => expression.test(name) && (part.startsWith('.') || !name.startsWith('.')));
  if (rest.length === 0) return named.filter((entry) => !entry.isDirectory()).map(({ name }) => below(name));
  const folders = named.filter((entry) => entry.isDirectory() || entry.isSymbolicLink());
  return (await Promise.all(folders.map(({ name }) => matching(below(name), rest)))).flat();
}

function expressionOf(part: string): RegExp {
  const source = part.replace(/\*+|\?|[.+^$(){}|[\]\\]/g, (found) =>
    found.startsWith('*') ? '.*' : found === '?' ? '.' : `\\${found}`,
  );
  return new RegExp(`^${source}$`, 'su');
}

/** None of what is no folder, or may not be read. */
async function entriesOf(folder: string) {
  try {
    const entries = await readdir(folder === '' ? '.' : folder, { withFileTypes: true });
    return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return [];
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
