// The workflow of a release, as far as it can be judged where it does not run: linted against GitHub's own schema, no secret in it, no
// more rights than each job needs, both kinds of processors, provenance; and its commands run, in a copy of what they look at.
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { validateWorkflow } from '@action-validator/core';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { readDocument } from '../support/documents.js';
import { runSync } from '../support/processes.js';
import { withTempDir } from '../support/temp-dir.js';
import { requireTool } from '../support/tools.js';

const TEXT = readDocument('.github/workflows/release.yml');

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Job {
  readonly needs?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}
const { permissions, jobs } = load(TEXT) as {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
};

const stepsOf = (name: string): readonly Step[] => jobs[name]?.steps ?? [];
const using = (name: string, action: string) => stepsOf(name).find(({ uses }) => uses?.startsWith(`${action}@`))?.with;

describe('the release workflow', () => {
  it('is a workflow to the linter, which finds what is none', () => {
    expect(validateWorkflow(TEXT)).toEqual({ actionType: 'workflow', errors: [] });
    for (const [right, wrong] of [
      ['steps:', 'stepz:'],
      ['runs-on:', 'runs_on:'],
      ['permissions:\n      contents: read', 'permissions:\n      contents: all'],
    ] as const) {
      expect(TEXT).toContain(right);
      expect((validateWorkflow(TEXT.replace(right, wrong)) as { readonly errors: unknown[] }).errors).not.toEqual([]);
    }
  });

  it('releases nothing that was not tested, holds no secret, and gives each job no more rights than it needs', () => {
    expect(TEXT).not.toMatch(/secrets\.|NODE_AUTH_TOKEN|NPM_TOKEN/);
    expect(permissions).toEqual({ contents: 'read' });
    expect(jobs.test?.permissions).toBeUndefined();
    expect(jobs.image).toMatchObject({ needs: 'test', permissions: { contents: 'read', packages: 'write' } });
    expect(jobs.package).toMatchObject({ needs: 'test', permissions: { contents: 'read', 'id-token': 'write' } });
    expect(stepsOf('test').map(({ run }) => run)).toContain('.ci/run');
    for (const { steps } of Object.values(jobs))
      for (const { uses, with: given } of steps)
        if (uses?.startsWith('actions/checkout')) expect(given).toEqual({ 'persist-credentials': false });
  });

  it('builds the image for both kinds of processors and publishes both with provenance', () => {
    expect(using('image', 'docker/build-push-action')).toMatchObject({
      platforms: 'linux/amd64,linux/arm64',
      push: true,
      provenance: 'mode=max',
    });
    const uses = stepsOf('image').map((step) => step.uses?.split('@')[0]);
    expect(uses.indexOf('docker/setup-qemu-action')).toBeLessThan(uses.indexOf('docker/build-push-action'));
    expect(uses).toContain('docker/setup-buildx-action');
    expect(stepsOf('package').at(-1)?.run).toBe('npm publish --ignore-scripts --provenance --access public');
  });

  it('refuses a tag that is not the version, and a version that the changelog does not know', {
    timeout: 120_000,
  }, async () => {
    const command = stepsOf('test').find(({ name }) => name?.startsWith('The tag'))?.run ?? '';
    const sh = await requireTool('sh');
    await withTempDir(async (dir) => {
      const judge = (tag: string) =>
        runSync(sh, ['-e', '-c', command], { cwd: dir, env: { PATH: process.env.PATH, GITHUB_REF_NAME: tag } });
      await writeFile(join(dir, 'package.json'), '{"version":"1.2.3"}');
      await writeFile(join(dir, 'CHANGELOG.md'), '# Changelog\n\n## [Unreleased]\n');
      expect(judge('v1.2.3')).toMatchObject({ status: 1, stderr: expect.stringContaining('no section [1.2.3]') });
      await writeFile(join(dir, 'CHANGELOG.md'), '# Changelog\n\n## [1.2.3] - 2026-12-01\n');
      expect(judge('v1.2.4')).toMatchObject({ status: 1, stderr: expect.stringContaining('expected the tag v1.2.3') });
      expect(judge('v1.2.3')).toMatchObject({ status: 0, stderr: '' });
    });
  });

  it('writes into the package where its source is, and the package can then be published', {
    timeout: 120_000,
  }, async () => {
    const command = stepsOf('package').find(({ name }) => name?.startsWith('The package says'))?.run ?? '';
    await withTempDir(async (dir) => {
      await copyFile(new URL('../../package.json', import.meta.url), join(dir, 'package.json'));
      const env = {
        PATH: process.env.PATH,
        HOME: dir,
        npm_config_update_notifier: 'false',
        GITHUB_SERVER_URL: 'https://github.example',
        GITHUB_REPOSITORY: 'owner/name',
      };
      expect(runSync(await requireTool('sh'), ['-e', '-c', command], { cwd: dir, env })).toMatchObject({ status: 0 });
      const written = JSON.parse(await readFile(join(dir, 'package.json'), 'utf8')) as Record<string, unknown>;
      expect(written.repository).toEqual({ type: 'git', url: 'git+https://github.example/owner/name.git' });
      expect(written.private).toBeUndefined();
    });
  });
});
