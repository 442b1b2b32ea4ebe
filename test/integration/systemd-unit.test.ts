// The unit of deploy/systemd as systemd's own tool judges it: how much of the machine it leaves open.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readDocument } from '../support/documents.js';
import { runSync } from '../support/processes.js';
import { withTempDir } from '../support/temp-dir.js';
import { requireTool } from '../support/tools.js';

const UNIT = fileURLToPath(new URL('../../deploy/systemd/proofsheet.service', import.meta.url));
/** Of 10, which is everything; below 3 systemd calls it OK. */
const MOST_EXPOSURE = 3;

async function exposureOf(path: string): Promise<number> {
  const args = ['security', '--offline=yes', '--no-pager', path];
  const { stdout, stderr } = runSync(await requireTool('systemd-analyze'), args);
  const [, level] = /exposure level for \S+: ([\d.]+)/.exec(stdout) ?? [];
  if (level === undefined) throw new Error(`expected an exposure level, got ${stdout}${stderr}`);
  return Number(level);
}

test('the unit leaves little open, and without its hardening it would not', { timeout: 120_000 }, async () => {
  expect(await exposureOf(UNIT)).toBeLessThanOrEqual(MOST_EXPOSURE);
  await withTempDir(async (dir) => {
    const bare = join(dir, 'proofsheet.service');
    await writeFile(
      bare,
      readDocument('deploy/systemd/proofsheet.service').replace(
        /^(?:Protect|Private|Restrict|Dynamic|System|Capab|NoNew).*$/gm,
        '',
      ),
    );
    expect(await exposureOf(bare)).toBeGreaterThan(MOST_EXPOSURE);
  });
});

test('a start that the configuration forbids is not tried again, and the codes are those of the command', () => {
  expect(readDocument('deploy/systemd/proofsheet.service')).toContain('RestartPreventExitStatus=73 78\n');
  expect(readDocument('docs/OPERATIONS.md')).toMatch(/\| 73 \|[^\n]+\n(?:\|[^\n]+\n)*\| 78 \|/);
});

test('a reload is checked first, then told by the signal that the server reads its settings again on', async () => {
  const unit = readDocument('deploy/systemd/proofsheet.service');
  const commands = [...unit.matchAll(/^ExecReload=(.+)$/gm)].map(([, command]) => command);
  expect(commands).toEqual(['/usr/bin/env proofsheet check-config', 'kill -HUP $MAINPID']);
  // What is written into the file of settings is what a reload may change: it has to be where the server looks.
  expect(unit).toMatch(/^Environment=.*NODE_CONFIG_DIR=\/etc\/proofsheet$/m);
  expect(unit).toContain('ConfigurationDirectory=proofsheet\n');
  const { stdout, stderr } = runSync(await requireTool('systemd-analyze'), ['verify', '--man=no', UNIT]);
  expect(`${stdout}${stderr}`).not.toMatch(/proofsheet\.service/);
});
