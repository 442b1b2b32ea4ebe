// What the benchmark compares with and measures by: programs of Debian's packages, and npm packages of the peers' own place.
import { access } from 'node:fs/promises';
import { run } from '../support/processes.js';
import { installTools, requireTool, type ToolName } from '../support/tools.js';

/** Not beside the benchmark's own files: those are to find the product's sharp, not a peer's. */
const OWN_DIR = new URL('peers/', import.meta.url).pathname;

/** A program by its name, or an npm package that lives in test/bench/peers/node_modules. */
export type PeerTool = Extract<ToolName, 'wrk' | 'nginx' | 'vips' | 'iipsrv'> | 'ipx';

/** Installs what is missing of `names`. Throws, saying how to install it by hand, when that cannot be done. */
export async function installPeers(names: readonly PeerTool[], log: (text: string) => void): Promise<void> {
  await installTools(names.filter((name) => name !== 'ipx'));
  if (!names.includes('ipx') || (await isThere(`${OWN_DIR}node_modules/ipx/package.json`))) return;
  log('installing the peers from npm into test/bench/peers');
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  await run(await requireTool('npm'), args, { cwd: OWN_DIR }).catch((error: unknown) => {
    const byHand = `npm ci --ignore-scripts --prefix ${OWN_DIR}`;
    throw new Error(`the peers of the benchmark could not be installed; try by hand: ${byHand}`, { cause: error });
  });
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
