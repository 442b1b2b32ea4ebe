// docs/ARCHITECTURE.md draws the house as it stands: its folders and rooms are those of src/, its edges those that the import
// test allows, and what it names is there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pathsIn, readDocument, tablesOf } from '../support/documents.js';
import { violationsOf } from '../support/import-edges.js';

const root = new URL('../../', import.meta.url);
const text = readDocument('docs/ARCHITECTURE.md');
const [folders = [], rooms = []] = tablesOf(text).map((rows) =>
  rows.map(([path = '', what = '', mayImport = '']) => ({
    path: path.replace(/^src\//, ''),
    what,
    mayImport: mayImport === 'nothing' ? [] : mayImport.split(', '),
  })),
);

function directoriesIn(path: string): readonly string[] {
  const entries = readdirSync(new URL(path, root), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** Whether the design lets the file `from` import `to`, both below src/. */
function isAllowed(from: string, to: string): boolean {
  const up = '../'.repeat(from.split('/').length - 1);
  const imports = `import type { A } from '${up}${to}';`;
  return violationsOf([{ path: from, text: imports }]).length === 0;
}

describe('docs/ARCHITECTURE.md', () => {
  test('has a row for each folder of src/, in order, that says what it does', () => {
    expect(folders.map(({ path }) => path)).toEqual([...directoriesIn('src')].sort());
    for (const { path, what } of folders) expect(what.length, path).toBeGreaterThan(10);
  });

  test('has a row for each room of http/, in order, and for what stands beside the rooms under a rule', () => {
    const named = ['answering.ts', 'dialects/<name>', 'url-query.ts'];
    const there = [...directoriesIn('src/http'), ...named].sort();
    expect(rooms.map(({ path }) => path.replace(/^http\//, ''))).toEqual(there);
    for (const { path, what } of rooms) expect(what.length, path).toBeGreaterThan(10);
  });

  test('tells of each folder what it may import, as the import test has it', () => {
    const names = folders.map(({ path }) => path);
    for (const { path, mayImport } of folders) {
      const allowed = names.filter((other) => other !== path && isAllowed(`${path}/a.ts`, `${other}/b.js`));
      expect(mayImport, path).toEqual(allowed);
    }
  });

  test('tells the same of each room', () => {
    const fileOf = (path: string) =>
      path.endsWith('.ts') ? path : `${path.replace('<name>', 'one')}/${path.includes('<') ? 'a' : 'b'}.ts`;
    // No dialect is named but by the registry, so only what all of them know can be imported.
    const others = rooms.filter(({ path }) => !path.includes('<'));
    for (const { path, mayImport } of rooms) {
      const allowed = others.filter(
        (other) => other.path !== path && isAllowed(fileOf(path), fileOf(other.path).replace(/\.ts$/, '.js')),
      );
      const nameOf = (room: string) => basename(room, '.ts');
      expect(mayImport, path).toEqual(allowed.map((room) => nameOf(room.path)));
    }
  });

  test('names only files and folders that exist', () => {
    const paths = pathsIn(text);
    expect(paths.length).toBeGreaterThan(30);
    for (const path of paths) expect(existsSync(new URL(path, root)), path).toBe(true);
    // In the drawings files stand by their names alone.
    const files = readdirSync(new URL('src', root), { recursive: true, encoding: 'utf8' }).map((path) =>
      basename(path),
    );
    for (const [name] of text.matchAll(/(?<![\w/.*>-])[\w-]+\.ts\b/g)) expect(files).toContain(name);
  });

  test('names only words of the code that are in it', () => {
    const code = ['src', 'test'].flatMap((folder) =>
      readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.ts') && !path.includes('node_modules'))
        .map((path) => readFileSync(new URL(`${folder}/${path}`, root), 'utf8')),
    );
    const all = code.join('\n');
    const words = [...text.matchAll(/`(?:[A-Za-z]+\.)?([A-Za-z]\w+)(?:\([^`]*\))?`/g)].map(([, word = '']) => word);
    expect(words.length).toBeGreaterThan(15);
    for (const word of words) expect(new RegExp(`\\b${word}\\b`).test(all), word).toBe(true);
  });
});

// What is declared behind it does not exist while it waits, and messages come meanwhile.
test('a program that waits at its top level declares no value below that', () => {
  const files = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' });
  const waiting = files
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => {
      const lines = readFileSync(new URL(`src/${path}`, root), 'utf8').split('\n');
      const at = lines.findIndex(
        (line) => /^(?:[^\s/*].*)?\bawait /.test(line) && !/^(?:export )?(?:async )?function/.test(line),
      );
      return at < 0
        ? []
        : [{ path, below: lines.slice(at + 1).filter((line) => /^(?:export )?(?:const|let|class) /.test(line)) }];
    });
  expect(waiting.map(({ path }) => path)).toEqual(expect.arrayContaining(['cli.ts', 'convert/child.ts', 'main.ts']));
  expect(waiting.filter(({ below }) => below.length > 0)).toEqual([]);
});
