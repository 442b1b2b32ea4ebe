// Says of a dist/ and a bin/ which sources they were made of: whoever has built writes it, and whoever is to run them asks.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Inside each, so that whoever removes one of them removes it too. */
const STAMP = '.checked-against';
const BUILT = ['dist', 'bin'];

/** Both of `root` have just been built, the one after the other. */
export function stampBuild(root) {
  const state = stateOf(root);
  for (const folder of BUILT) writeFileSync(join(root, folder, STAMP), state);
}

/** Whether both are known to be made of what stands below src/ now. */
export function isBuilt(root) {
  const state = stateOf(root);
  return BUILT.every((folder) => {
    const path = join(root, folder, STAMP);
    return existsSync(path) && readFileSync(path, 'utf8') === state;
  });
}

/** Every source by its content, and what the compiler has noted of its last build: another build changes that. */
function stateOf(root) {
  const hash = createHash('sha256');
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.m?ts$|\.mjs$/.test(path))
    .sort();
  for (const path of [...sources.map((source) => join('src', source)), 'tsconfig.json', 'dist/.tsbuildinfo'])
    hash
      .update(`${path}\0`)
      .update(existsSync(join(root, path)) ? readFileSync(join(root, path)) : '')
      .update('\0');
  return hash.digest('hex');
}
