// The audit of dependencies: clean, vulnerable, or not done at all, and never one taken for another.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Allowed, allowList, judge, verdictText } from '../../support/audit.js';

const advisory = (name: string, id: string) => ({
  source: 1,
  name,
  title: 'a way in',
  url: `https://github.com/advisories/${id}`,
  severity: 'high',
});
const report = (vulnerabilities: Record<string, unknown>) => JSON.stringify({ auditReportVersion: 2, vulnerabilities });
const TODAY = '2026-06-01';
const ONE = report({
  inner: { name: 'inner', via: [advisory('inner', 'GHSA-aaaa-bbbb-cccc')] },
  outer: { name: 'outer', via: ['inner'] },
});
const tolerated = (more: Partial<Allowed> = {}): Allowed => ({
  advisory: 'GHSA-aaaa-bbbb-cccc',
  package: 'inner',
  reason: 'the function is never called',
  until: '2026-07-01',
  ...more,
});

test('a report without advisories is clean', () => {
  expect(judge(report({}), [], TODAY)).toEqual({ kind: 'clean', tolerated: [] });
});

test('an advisory is found once, by its own package', () => {
  const found = { advisory: 'GHSA-aaaa-bbbb-cccc', package: 'inner', severity: 'high', title: 'a way in' };
  const verdict = judge(ONE, [], TODAY);
  expect(verdict).toEqual({ kind: 'vulnerable', found: [found], stale: [] });
  expect(verdictText(verdict)).toContain('inner: GHSA-aaaa-bbbb-cccc (high) a way in');
});

test('one that is on the list is tolerated until its day, and for its package alone', () => {
  expect(judge(ONE, [tolerated()], TODAY)).toMatchObject({ kind: 'clean', tolerated: [{ package: 'inner' }] });
  for (const entry of [tolerated({ until: TODAY }), tolerated({ package: 'outer' })])
    expect(judge(ONE, [entry], TODAY)).toMatchObject({ kind: 'vulnerable', found: [{ package: 'inner' }] });
});

test('an entry that tolerates nothing any more is a failure', () => {
  expect(judge(report({}), [tolerated()], TODAY)).toEqual({ kind: 'vulnerable', found: [], stale: [tolerated()] });
});

test.each([
  ['', 'npm audit printed nothing'],
  ['not json', 'npm audit printed no report'],
  ['{"message":"405 Method Not Allowed - POST https://registry.example/x","statusCode":405}', '405 Method Not Allowed'],
  ['{"error":{"code":"ENOLOCK"}}', 'npm audit printed no report'],
])('%j is no audit, and says so', (output, why) => {
  const verdict = judge(output, [], TODAY);
  expect(verdict.kind).toBe('not-audited');
  expect(verdictText(verdict)).toMatch(/^DEPENDENCIES WERE NOT AUDITED: /);
  expect(verdictText(verdict)).toContain(why);
  expect(verdictText(verdict)).not.toContain('registry.example');
});

test('every tolerated advisory has a reason and a day', () => {
  for (const entry of allowList()) {
    expect(entry.reason.length).toBeGreaterThan(10);
    expect(entry.until).toMatch(/^\d{4}-\d\d-\d\d$/);
  }
});

/** Packages that may run a script of their own when they are installed; each was looked at, and none is needed to run. */
const MAY_RUN_SCRIPTS = [
  // Development only: checks its prebuilt binary.
  'node_modules/esbuild',
  // Looks for a configuration of its own build, and does nothing without one.
  'node_modules/exifreader',
  // Build from source where no prebuilt binary fits.
  'node_modules/lmdb',
  'node_modules/msgpackr-extract',
];

test('exactly the packages of the list may run a script at installation', () => {
  const lock = JSON.parse(readFileSync(new URL('../../../package-lock.json', import.meta.url), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly hasInstallScript?: boolean }>>;
  };
  const running = Object.entries(lock.packages).filter(([, { hasInstallScript }]) => hasInstallScript);
  expect(running.map(([path]) => path).toSorted()).toEqual(MAY_RUN_SCRIPTS);
});
