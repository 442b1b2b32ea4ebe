// The package as npm packs it: what it exports resolves, with types, for whoever imports it.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { expect, test } from 'vitest';
import { readDocument } from '../support/documents.js';
import { run } from '../support/processes.js';
import { withTempDir } from '../support/temp-dir.js';
import { requireTool } from '../support/tools.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

test('publint and attw have nothing to say of the packed package', { timeout: 300_000 }, async () => {
  const { tarball, paths } = await withTempDir(async (dir) => {
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', dir];
    const { stdout } = await run(await requireTool('npm'), args, { cwd: ROOT, env: { ...process.env, HOME: dir } });
    const [packed] = JSON.parse(stdout) as readonly Packed[];
    const bytes = await readFile(join(dir, packed?.filename ?? ''));
    return { tarball: new Uint8Array(bytes), paths: (packed?.files ?? []).map(({ path }) => path) };
  });
  // What a build notes for the next one is nobody's else.
  expect(paths.filter((path) => path.split('/').some((name) => name.startsWith('.')))).toEqual([]);
  expect(paths).toContain('bin/main.js');
  // What the documents for operators send their readers to; sources, tests and the image's own file are read in a checkout.
  const documents = paths.filter((path) => /^docs\/[^/]*\.md$/.test(path)).map(readDocument);
  const named = documents.flatMap((text) =>
    [...text.matchAll(/\]\(\.\.\/([\w./-]+)|`(deploy\/[\w./-]+)`/g)].map(
      ([, linked, quoted]) => linked ?? quoted ?? '',
    ),
  );
  expect(named).toEqual(expect.arrayContaining(['compose.yaml', 'deploy/systemd/proofsheet.service']));
  const isPacked = (name: string) => paths.some((path) => path === name || path.startsWith(`${name}/`));
  expect(named.filter((name) => !/^(src|test)\//.test(name) && !isPacked(name))).toEqual([]);
  const { messages } = await publint({ pack: { tarball: tarball.buffer as ArrayBuffer }, strict: true });
  expect(messages).toEqual([]);
  const analysis = await checkPackage(createPackageFromTarballData(tarball), { entrypoints: ['./client'] });
  if (analysis.types === false) throw new Error('expected the package to have types');
  expect(Object.keys(analysis.entrypoints)).toEqual(['./client']);
  // A package of ES modules: who resolves as Node 10 does, or cannot import them, has no way in, and that is how it is.
  const expected = new Set(['NoResolution', 'CJSResolvesToESM']);
  expect(analysis.problems.filter(({ kind }) => !expected.has(kind))).toEqual([]);
  const { resolutions } = analysis.entrypoints['./client'] ?? { resolutions: undefined };
  for (const way of ['node16-esm', 'bundler'] as const) expect(resolutions?.[way].resolution?.isTypeScript).toBe(true);
});
