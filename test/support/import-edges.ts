// The allowed imports between the folders of src/, and who alone may import which package: the design as a function that
// a test can run over the source and over a fixture.

export interface SourceFile {
  /** Path below src/, with slashes: `kernel/format.ts`. */
  readonly path: string;
  readonly text: string;
}

/** What each folder may import besides itself. Files directly in src/ are the process edge and see everything. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  cli: ['client', 'config', 'kernel'],
  client: [],
  commands: ['cli', 'config', 'convert', 'http', 'kernel', 'library', 'previews', 'stores', 'telemetry'],
  convert: ['kernel'],
  library: ['kernel', 'previews'],
  previews: ['kernel'],
  tiers: ['kernel'],
  stores: ['kernel'],
  http: ['kernel', 'library', 'previews'],
  telemetry: ['kernel'],
  config: ['kernel'],
  outbound: ['kernel'],
};

/** Folders that, as the process edge does, put the parts together by what lies directly in src/. */
const SEES_WIRING: ReadonlySet<string> = new Set(['commands']);

/**
 * The rooms of http/ and what each may import of http/ besides itself: a folder, or a file directly in http/ by its name. What is
 * not here (app, edge, what they are given) puts the rooms together and sees all of them.
 */
const HTTP_ROOMS: Readonly<Record<string, readonly string[]>> = {
  'url-query': [],
  replies: [],
  status: ['replies'],
  openapi: ['dialects', 'replies', 'status'],
  wire: ['replies'],
  access: ['url-query'],
  uploads: ['wire'],
  hot: ['replies', 'wire'],
  dialects: ['replies'],
  answering: ['replies', 'wire', 'hot'],
};
/** The one file that names the dialects; each of them is a folder, and knows what all dialects know. */
const DIALECTS = 'http/dialects/';
const REGISTRY = 'http/dialects/registry.ts';
const DIALECT_SEES = ['dialects', 'replies', 'url-query'];

/** The only places that import a package; a package that is not here has no place yet. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  sharp: ['convert/'],
  blurhash: ['convert/'],
  exifreader: ['convert/'],
  thumbhash: ['convert/'],
  yauzl: ['convert/'],
  yazl: ['library/'],
  'libheif-js': ['convert/'],
  '@hyzyla/pdfium': ['convert/'],
  '@jsquash/jxl': ['convert/'],
  '@cornerstonejs/codec-openjpeg': ['convert/'],
  lmdb: ['stores/embedded/'],
  keyv: ['stores/redis/'],
  '@keyv/redis': ['stores/redis/'],
  '@redis/client': ['stores/redis/'],
  bullmq: ['stores/redis/library/'],
  ioredis: ['stores/redis/library/'],
  '@aws-sdk/client-s3': ['stores/s3/'],
  '@aws-sdk/lib-storage': ['stores/s3/'],
  'lru-cache': ['tiers/', 'http/', 'stores/redis/', 'stores/embedded', 'outbound/'],
  express: ['http/'],
  multer: ['http/'],
  'express-basic-auth': ['http/'],
  helmet: ['http/'],
  'prom-client': ['telemetry/'],
  '@opentelemetry/api': ['telemetry/'],
  pino: ['telemetry/'],
  config: ['config/'],
  'js-yaml': ['config/'],
  zod: ['config/'],
  undici: ['outbound/'],
  standardwebhooks: ['outbound/'],
  'content-disposition': ['outbound/', 'http/replies/'],
};

const IMPORTS = [
  /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
  /^\s*import\s*['"]([^'"]+)['"]/gm,
  /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
  /\brequire\(\s*['"]([^'"]+)['"]\s*\)/g,
];

/** A line of code, not of a comment; `import type` is gone in what runs. */
const STATIC_IMPORT =
  /^(?:(?:import|export)\b(?!\s+type\b)[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|import\s*['"]([^'"]+)['"])/gm;

/** What `text` imports: static, re-exported, dynamic, by type and by require. */
export function importsOf(text: string): readonly string[] {
  return IMPORTS.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? ''));
}

/** Every import of `files` that the design does not allow, one sentence each. */
export function violationsOf(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap(({ path, text }) =>
    importsOf(text).flatMap((specifier) => {
      const fault = specifier.startsWith('.') ? faultOfEdge(path, specifier) : faultOfPackage(path, specifier);
      return fault === undefined ? [] : [`${path} imports ${specifier}: ${fault}`];
    }),
  );
}

/** The files that stand on a circle of imports, those for types included, sorted: each of them can be reached from itself. */
export function filesOnCircles(files: readonly SourceFile[]): readonly string[] {
  const paths = new Set(files.map(({ path }) => path));
  const imports = new Map(
    files.map(({ path, text }) => [
      path,
      importsOf(text)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => resolve(path, specifier)?.replace(/\.js$/, '.ts') ?? '')
        .filter((target) => paths.has(target)),
    ]),
  );
  const reaches = (from: string, to: string): boolean => {
    const seen = new Set<string>();
    const left = [...(imports.get(from) ?? [])];
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      if (next === to) return true;
      if (!seen.has(next)) left.push(...(imports.get(next) ?? []));
      seen.add(next);
    }
    return false;
  };
  return [...paths].filter((path) => reaches(path, path)).sort();
}

/** Each package that is loaded with the file at `path`, before anything is asked of it: by static imports, those for types left out. */
export function loadedWith(path: string, files: readonly SourceFile[]): readonly string[] {
  const texts = new Map(files.map((file) => [file.path, file.text]));
  const packages = new Set<string>();
  const seen = new Set<string>([path]);
  for (const at of seen) {
    for (const specifier of staticImportsOf(texts.get(at) ?? '')) {
      if (specifier.startsWith('.')) seen.add(resolve(at, specifier)?.replace(/\.js$/, '.ts') ?? '');
      else if (!specifier.startsWith('node:')) packages.add(specifier);
    }
  }
  return [...packages].sort();
}

function staticImportsOf(text: string): readonly string[] {
  return [...text.matchAll(STATIC_IMPORT)].map((match) => match[1] ?? match[2] ?? '');
}

function faultOfEdge(path: string, specifier: string): string | undefined {
  const from = folderOf(path);
  if (from === undefined) return undefined;
  const target = resolve(path, specifier);
  if (target === undefined) return 'outside src/';
  const to = folderOf(target);
  if (to === undefined) return SEES_WIRING.has(from) ? undefined : 'only the process edge sees files directly in src/';
  if (from === to) return faultOfBackend(path, target) ?? faultOfRoom(path, target);
  return ALLOWED[from]?.includes(to)
    ? undefined
    : `${from} may import ${['itself', ...(ALLOWED[from] ?? [])].join(', ')}`;
}

/** A backend knows nothing of the others; what they share stands directly in stores/. */
function faultOfBackend(path: string, target: string): string | undefined {
  const [folder, backend, file] = path.split('/');
  const [, other, otherFile] = target.split('/');
  if (folder !== 'stores' || file === undefined || otherFile === undefined || backend === other) return undefined;
  return 'one backend of a port does not import another';
}

/** Within http/ nothing runs back up, and no dialect knows another. */
function faultOfRoom(path: string, target: string): string | undefined {
  if (!path.startsWith('http/') || path === REGISTRY) return undefined;
  const [dialect, named] = [dialectOf(path), dialectOf(target)];
  if (dialect !== undefined && dialect === named) return undefined;
  if (named !== undefined || (dialect !== undefined && isRegistry(target))) return 'only the registry names dialects';
  const room = roomOf(path);
  const sees = dialect === undefined ? HTTP_ROOMS[room] : DIALECT_SEES;
  const to = roomOf(target);
  if (sees === undefined || sees.includes(to) || (dialect === undefined && to === room)) return undefined;
  return `${dialect ?? room} may import ${['itself', ...sees].join(', ')}`;
}

function isRegistry(target: string): boolean {
  return target.replace(/\.js$/, '.ts') === REGISTRY;
}

/** The folder below http/, or the name of a file directly in it. */
function roomOf(path: string): string {
  return (path.split('/')[1] ?? '').replace(/\.(?:ts|js)$/, '');
}

/** The dialect whose folder a file stands in. */
function dialectOf(path: string): string | undefined {
  return path.startsWith(DIALECTS) && path.split('/').length > 3 ? path.split('/')[2] : undefined;
}

function faultOfPackage(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('node:')) {
    if (folderOf(path) === 'client') return 'the client runs in browsers too';
    if (folderOf(path) === 'kernel' && specifier !== 'node:crypto') return 'the kernel imports node:crypto at most';
    return dialectOf(path) !== undefined && specifier === 'node:http' ? 'a dialect knows no sockets' : undefined;
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  if (dialectOf(path) !== undefined) return 'a dialect imports no package';
  const owners = OWNERS[name];
  if (owners === undefined) return 'no folder owns this package';
  return owners.some((owner) => path.startsWith(owner)) ? undefined : `only ${owners.join(' and ')} may`;
}

function folderOf(path: string): string | undefined {
  return path.includes('/') ? path.split('/')[0] : undefined;
}

/** The path below src/ that `specifier` means in `path`; `undefined` when it leaves src/. */
function resolve(path: string, specifier: string): string | undefined {
  const parts = path.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') {
      if (parts.pop() === undefined) return undefined;
    } else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}
