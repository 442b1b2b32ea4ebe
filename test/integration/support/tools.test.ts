// The programs the tests need: found, or asked for in words that help.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findTool, MissingToolError, requireTool, TOOLS } from '../../support/tools.js';

let directory: string;
const path = process.env.PATH;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'proofsheet-tools-'));
});
afterEach(async () => {
  process.env.PATH = path;
  await rm(directory, { recursive: true });
});

test('a tool on PATH is found where it is, by any of its names', async () => {
  const program = join(directory, 'chromium-browser');
  await writeFile(program, '#!/bin/sh\n');
  process.env.PATH = directory;
  expect(await findTool('chromium')).not.toBe(program); // Not executable yet.
  await chmod(program, 0o755);
  expect(await requireTool('chromium')).toBe(program);
});

test('a missing tool is named with its program and its package', () => {
  const message = new MissingToolError('nginx', 'only root may install packages').message;
  expect(message).toContain('needs the program nginx');
  expect(message).toContain('apt-get install nginx-light');
  expect(message).toContain('only root may install packages');
});

test('every tool names a package and a program', () => {
  for (const { debian, binaries } of Object.values(TOOLS)) {
    expect(debian).toMatch(/^[a-z0-9][a-z0-9.+-]+$/);
    expect(binaries.length).toBeGreaterThan(0);
  }
});
