// Makes bin/ of dist/: each program with all its modules in few files. Node 20 takes more than a millisecond for every module of a start,
// and a server has four hundred. Dependencies stay what npm installs. Each module finds its neighbours as if it stood in bin/ at its own place.
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { stampBuild } from './build-stamp.mjs';

/** Below dist/: what an operator starts, and the children that it forks. */
const PROGRAMS = ['main', 'cli', 'convert/child', 'stores/embedded/salvage-child'];
/** Below dist/: what is read as text and sent to browsers. */
const COPIED = ['http/dialects/console/browser'];

const OWN_ADDRESS = 'import.meta.url';
const MARK = /"own address of ([^"]+)"/g;

/** Until it is known into which file a module goes, its address is a mark. */
const ownAddresses = (dist) => ({
  name: 'own-addresses',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      return { contents: text.replaceAll(OWN_ADDRESS, JSON.stringify(`own address of ${relative(dist, path)}`)) };
    });
  },
});

/** Of `root`, whose dist/ has been built. */
export async function bundle(root, programs = PROGRAMS, copied = COPIED) {
  const [dist, bin] = [join(root, 'dist'), join(root, 'bin')];
  const { outputFiles } = await build({
    entryPoints: programs.map((program) => join(dist, `${program}.js`)),
    outdir: bin,
    bundle: true,
    splitting: true,
    write: false,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
    sourcesContent: false,
    plugins: [ownAddresses(dist)],
    logLevel: 'warning',
  });
  rmSync(bin, { recursive: true, force: true });
  for (const { path, text } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    const address = (_mark, module) =>
      `new URL(${JSON.stringify(relative(dirname(path), join(bin, module)))}, import.meta.url).href`;
    writeFileSync(path, path.endsWith('.map') ? text : text.replaceAll(MARK, address));
  }
  for (const folder of copied) cpSync(join(dist, folder), join(bin, folder), { recursive: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  await bundle(root);
  stampBuild(root);
}
