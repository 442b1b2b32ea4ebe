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
  convert: ['kernel'],
  previews: ['kernel'],
  tiers: ['kernel'],
  stores: ['kernel'],
  http: ['kernel', 'previews'],
  telemetry: ['kernel'],
  config: ['kernel'],
};

/** The only places that import a package; a package that is not here has no place yet. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  sharp: ['convert/'],
  exifreader: ['convert/'],
  lmdb: ['stores/embedded/'],
  keyv: ['stores/redis/'],
  '@keyv/redis': ['stores/redis/'],
  '@redis/client': ['stores/redis/'],
  '@aws-sdk/client-s3': ['stores/s3/'],
  '@aws-sdk/lib-storage': ['stores/s3/'],
  'lru-cache': ['tiers/', 'http/', 'stores/redis/', 'stores/embedded'],
  express: ['http/'],
  multer: ['http/'],
  'express-basic-auth': ['http/'],
  helmet: ['http/'],
  'prom-client': ['telemetry/'],
  pino: ['telemetry/'],
  config: ['config/'],
  zod: ['config/'],
};

const IMPORTS = [
  /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
  /^\s*import\s*['"]([^'"]+)['"]/gm,
  /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
  /\brequire\(\s*['"]([^'"]+)['"]\s*\)/g,
];

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

function faultOfEdge(path: string, specifier: string): string | undefined {
  const from = folderOf(path);
  if (from === undefined) return undefined;
  const target = resolve(path, specifier);
  if (target === undefined) return 'outside src/';
  const to = folderOf(target);
  if (to === undefined) return 'only the process edge sees files directly in src/';
  if (from === to) return faultOfBackend(path, target);
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

function faultOfPackage(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('node:'))
    return folderOf(path) === 'kernel' && specifier !== 'node:crypto'
      ? 'the kernel imports node:crypto at most'
      : undefined;
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
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
