// The documents of the repository as texts that tests can ask: tables, commands, links, headings and the paths they name.
import { readdirSync, readFileSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);

/** Every document for people, by its path below the repository. */
export const DOCUMENTS: readonly string[] = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(new URL('docs/', ROOT))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].sort();

/** The text of the file at `path` below the repository. */
export function readDocument(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
}

/** Cells of the body of the first table below the heading `title`, row by row, code marks taken off. */
export function tableBelow(text: string, title: string): readonly (readonly string[])[] {
  const [, section = ''] = text.split(new RegExp(`^#+ ${title}$`, 'm'));
  return tablesOf(section)[0] ?? [];
}

/** The same of every table of `text`, in order. */
export function tablesOf(text: string): readonly (readonly (readonly string[])[])[] {
  return [...text.matchAll(/(?:^\|.*\n)+/gm)].map(([table]) =>
    table
      .trim()
      .split('\n')
      .slice(2)
      .map((row) =>
        row
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim().replaceAll('`', '')),
      ),
  );
}

/** The commands of all shell blocks, with continued lines joined. */
export function commandsOf(text: string): readonly string[] {
  return [...text.matchAll(/```sh\n(.*?)```/gs)]
    .flatMap(([, block = '']) => block.replaceAll('\\\n', ' ').split('\n'))
    .map((line) => line.replace(/(?:^|\s)#.*/, '').trim())
    .filter((line) => line !== '');
}

/** Where the links of `text` lead, as they are written. */
export function linksOf(text: string): readonly string[] {
  return [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
}

/** What the headings of `text` can be linked by, without the `#`. */
export function anchorsOf(text: string): readonly string[] {
  return [...withoutBlocks(text).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );
}

/** Paths of the repository that `text` names; of a pattern such as `src/stores/<name>/` the part that is no pattern. */
export function pathsIn(text: string): readonly string[] {
  const found = text.matchAll(/(?<![\w/.-])(?:src|test|config|docs|\.ci)\/[\w./-]*[\w/](?![\w<*])/g);
  return [...new Set([...found].map(([path]) => path))];
}

/** A `#` or a bracket in a block of code is no heading and no link. */
function withoutBlocks(text: string): string {
  return text.replace(/```.*?```/gs, '');
}
