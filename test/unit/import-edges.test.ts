// The shape of src/: who imports whom, how long a file is, and that each file says what it is for.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesOnCircles, importsOf, loadedWith, type SourceFile, violationsOf } from '../support/import-edges.js';

const MAX_LINES = 350;

const root = new URL('../../src', import.meta.url).pathname;
const files: SourceFile[] = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path: path.replaceAll('\\', '/'), text: readFileSync(join(root, path), 'utf8') }));

describe('src/', () => {
  test('is there to be looked at', () => {
    expect(files.map(({ path }) => path)).toContain('kernel/ports/blobs.ts');
    expect(files.flatMap(({ text }) => importsOf(text)).length).toBeGreaterThan(files.length);
  });

  test('imports only along the edges of the design, and each package only where it belongs', () => {
    expect(violationsOf(files)).toEqual([]);
  });

  test('has no circle', () => {
    expect(filesOnCircles(files)).toEqual([]);
  });

  // Of everybody's start: undici alone is a hundred modules and a tenth of it, for the few servers that fetch.
  test('loads at its start what every server needs, and no other package', () => {
    const config = ['config/lib/util.js', 'js-yaml', 'zod'];
    const http = ['content-disposition', 'express', 'express-basic-auth', 'helmet', 'multer'];
    // A supervisor serves nothing, and who refuses its settings did not begin to.
    expect(loadedWith('main.ts', files)).toEqual(['config/lib/util.js', 'pino', 'zod']);
    const all = [...config, ...http, 'lmdb', 'lru-cache', 'pino', 'prom-client'].sort();
    const loaded = ['main.ts', 'compose.ts'].flatMap((path) => loadedWith(path, files));
    expect([...new Set(loaded)].sort()).toEqual(all);
    // Every converter child, of which a machine has some: what reads archives is for documents and pyramids.
    expect(loadedWith('convert/child.ts', files)).toEqual(['exifreader', 'sharp']);
  });

  test('is found to load a package that a file of a file imports, but for its types or when it is asked for it', () => {
    const seen = [
      { path: 'main.ts', text: "import {\n  a,\n} from './a.js';\nimport type { B } from './b.js';" },
      { path: 'a.ts', text: "export * from './c.js';\nconst d = () => import('bullmq');" },
      { path: 'b.ts', text: "import 'sharp';" },
      { path: 'c.ts', text: "import type { Agent } from 'undici';\nimport 'lmdb';\n// import 'ioredis';" },
    ];
    expect(loadedWith('main.ts', seen)).toEqual(['lmdb']);
  });

  test(`has no file over ${MAX_LINES} lines`, () => {
    const long = files.filter(({ text }) => text.trimEnd().split('\n').length > MAX_LINES);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  test('tells in the first line of each file what it is for', () => {
    const silent = files.filter(({ text }) => !/^(?:#!.*\n)?\/\/ \S/.test(text));
    expect(silent.map(({ path }) => path)).toEqual([]);
  });
});

describe('a violation is found', () => {
  const violations = (path: string, text: string) => violationsOf([{ path, text }]);

  test.each([
    ['previews/get.ts', "import { app } from '../http/app.js';", 'previews may import itself, kernel'],
    ['kernel/digest.ts', "import type { Config } from '../config/schema.js';", 'kernel may import itself'],
    ['kernel/digest.ts', "import { readFileSync } from 'node:fs';", 'node:crypto at most'],
    ['client/index.ts', "import { createHash } from 'node:crypto';", 'browsers too'],
    ['client/index.ts', "import { parseFormat } from '../kernel/format.js';", 'client may import itself'],
    ['http/app.ts', "import {\n  a,\n  type B,\n} from '../stores/embedded/catalog.js';", 'http may import'],
    ['http/app.ts', "export * from '../compose.js';", 'only the process edge'],
    ['cli/look.ts', "import { a } from '../open-storage.js';", 'only the process edge'],
    ['cli/look.ts', "import { a } from '../commands/copy.js';", 'cli may import itself, client, config, kernel'],
    ['commands/copy.ts', "import { a } from '../client/index.js';", 'commands may import itself'],
    ['tiers/memory.ts', "import '../../test/support/x.js';", 'outside src/'],
    ['stores/redis/catalog.ts', "import { x } from '../embedded/catalog.js';", 'does not import another'],
    ['previews/get.ts', "import sharp from 'sharp';", 'only convert/ may'],
    ['http/upload.ts', "const { default: sharp } = await import('sharp');", 'only convert/ may'],
    ['stores/embedded/catalog.ts', "import { createClient } from '@redis/client';", 'only stores/redis/ may'],
    ['previews/get.ts', "import { z } from 'zod/v4';", 'only config/ may'],
    ['compose.ts', "import express from 'express';", 'only http/ may'],
    ['previews/get.ts', "import { request } from 'undici';", 'only outbound/ may'],
    ['outbound/http-client.ts', "import { app } from '../http/app.js';", 'outbound may import itself, kernel'],
    ['http/app.ts', "import leftPad from 'left-pad';", 'no folder owns'],
    ['http/replies/range.ts', "import { a } from '../wire/sender.js';", 'replies may import itself'],
    ['http/wire/server.ts', "import { a } from '../app.js';", 'wire may import itself, replies'],
    ['http/uploads/uploads.ts', "import type { A } from '../access/access.js';", 'uploads may import itself, wire'],
    ['http/url-query.ts', "import { a } from './app.js';", 'url-query may import itself'],
    ['http/dialects/route.ts', "import { a } from './other/parse.js';", 'only the registry names dialects'],
    ['http/dialects/one/parse.ts', "import { a } from '../two/parse.js';", 'only the registry names dialects'],
    ['http/dialects/one/parse.ts', "import { a } from '../registry.js';", 'only the registry names dialects'],
    ['http/dialects/one/routes.ts', "import { a } from '../../wire/sender.js';", 'one may import itself, dialects'],
    ['http/dialects/one/routes.ts', "import type { Request } from 'express';", 'imports no package'],
    ['http/dialects/one/routes.ts', "import { ServerResponse } from 'node:http';", 'knows no sockets'],
  ])('%s: %s', (path, text, fault) => {
    expect(violations(path, text)).toEqual([expect.stringContaining(fault)]);
  });

  test('a circle, and who stands on it', () => {
    const text = (...names: string[]) => names.map((name) => `import type { A } from './${name}.js';`).join('\n');
    const made = [
      { path: 'http/a.ts', text: text('b') },
      { path: 'http/b.ts', text: text('c', 'd') },
      { path: 'http/c.ts', text: text('a') },
      { path: 'http/d.ts', text: text('e') },
      { path: 'http/e.ts', text: '' },
    ];
    expect(filesOnCircles(made)).toEqual(['http/a.ts', 'http/b.ts', 'http/c.ts']);
  });

  test('and what is allowed is left alone', () => {
    expect(
      violations('compose.ts', "import { a } from './http/app.js';\nimport { b } from './stores/redis/a.js';"),
    ).toEqual([]);
    expect(violations('commands/copy.ts', "import { openStorage } from '../open-storage.js';")).toEqual([]);
    expect(violations('http/dialects/registry.ts', "import { one } from './one/one.js';")).toEqual([]);
    expect(violations('http/dialects/one/get.ts', "import type { A } from '../../replies/reply.js';")).toEqual([]);
    expect(violations('http/dialects/one/get.ts', "import type { P } from '../../../previews/answers.js';")).toEqual(
      [],
    );
    expect(violations('stores/redis/a.ts', "import { a } from '../checked.js';\nimport Keyv from 'keyv';")).toEqual([]);
    expect(violations('http/a.ts', "// import sharp from 'sharp' is not ours\nconst text = 'from here';")).toEqual([]);
  });
});
