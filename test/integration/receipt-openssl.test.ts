// A receipt is verified by openssl alone, with the commands of docs/OPERATIONS.md, and one that was changed is not.
import { createPrivateKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { signedText } from '../../src/kernel/takedown/jws.js';
import { RECEIPT_TYPE } from '../../src/kernel/takedown/receipt.js';
import { readDocument } from '../support/documents.js';
import { run } from '../support/processes.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { type Program, requireTool } from '../support/tools.js';

let dir: TempDir;
let shell: Program;
let path: string;
beforeEach(async () => {
  dir = await tempDir();
  shell = await requireTool('sh');
  path = [dirname(await requireTool('openssl')), dirname(await requireTool('cut')), process.env.PATH].join(':');
});
afterEach(() => dir.remove());

/** The lines of the document's block that has `line`, without what is shown behind `#`. */
function commandsWith(line: string): readonly string[] {
  const blocks = [...readDocument('docs/OPERATIONS.md').matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => block);
  const block = blocks.find((each) => each.includes(line)) ?? '';
  return block
    .split('\n')
    .map((each) => each.replace(/\s*# .*$/, ''))
    .filter((each) => each !== '');
}

const told = (commands: readonly string[]) =>
  run(shell, ['-c', commands.join(' &&\n')], { cwd: dir.path, env: { PATH: path }, timeout: 60_000 });

it('is verified, and one that somebody has changed is not', async () => {
  const [make = ''] = commandsWith('openssl genpkey');
  await told([make]);
  const key = createPrivateKey(await readFile(join(dir.path, 'receipt.pem')));
  const jws = signedText(RECEIPT_TYPE, JSON.stringify({ id: 'tkd_1', reason: 'Grüße, ticket 4711' }), key);
  await writeFile(join(dir.path, 'receipt.jws'), `${jws}\n`);
  const verify = commandsWith('openssl pkeyutl');
  expect(verify).toHaveLength(4);
  expect((await told(verify)).stdout).toContain('Signature Verified Successfully');
  const [head = '', body = '', signature = ''] = jws.split('.');
  const other = Buffer.from(Buffer.from(body, 'base64url').toString().replace('4711', '4712')).toString('base64url');
  await writeFile(join(dir.path, 'receipt.jws'), `${head}.${other}.${signature}\n`);
  await expect(told(verify)).rejects.toMatchObject({ stdout: expect.stringContaining('Verification Failure') });
});
