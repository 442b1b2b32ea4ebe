// Are there known vulnerabilities in our dependencies? Asks the registry through npm, and tells "none", "some" and "could
// not ask" apart: only the first is a pass. Run by continuous integration: `npx tsx test/support/audit.ts`.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runSync } from './processes.js';
import { requireTool } from './tools.js';

/** An advisory that is known and tolerated, for a reason and not for ever. */
export interface Allowed {
  /** `GHSA-xxxx-xxxx-xxxx` */
  readonly advisory: string;
  readonly package: string;
  readonly reason: string;
  /** ISO date from which on it is tolerated no more. */
  readonly until: string;
}

export interface Advisory {
  readonly advisory: string;
  readonly package: string;
  readonly severity: string;
  readonly title: string;
}

export type Verdict =
  | { readonly kind: 'clean'; readonly tolerated: readonly Advisory[] }
  | { readonly kind: 'vulnerable'; readonly found: readonly Advisory[]; readonly stale: readonly Allowed[] }
  | { readonly kind: 'not-audited'; readonly why: string };

/** Exit codes: a pass, a failure, and neither. */
export const EXIT_CODES = { clean: 0, vulnerable: 1, 'not-audited': 3 } as const satisfies Record<
  Verdict['kind'],
  number
>;

/** What `npm audit --json` printed, judged by the allow list on `today` (ISO date). */
export function judge(output: string, allowed: readonly Allowed[], today: string): Verdict {
  const report = parsed(output);
  if (report === undefined || typeof report.vulnerabilities !== 'object' || report.vulnerabilities === null)
    return { kind: 'not-audited', why: whyNot(report, output) };
  const all = Object.values(report.vulnerabilities).flatMap((each) => advisoriesOf(each));
  const advisories = [
    ...new Map(all.map((advisory) => [`${advisory.advisory} ${advisory.package}`, advisory])).values(),
  ];
  const holds = (entry: Allowed, advisory: Advisory): boolean =>
    entry.advisory === advisory.advisory && entry.package === advisory.package && entry.until > today;
  const found = advisories.filter((advisory) => !allowed.some((entry) => holds(entry, advisory)));
  // An entry that tolerates nothing any more hides the next one with its name.
  const stale = allowed.filter((entry) => !advisories.some((advisory) => holds(entry, advisory)));
  if (found.length > 0 || stale.length > 0) return { kind: 'vulnerable', found, stale };
  return { kind: 'clean', tolerated: advisories };
}

/** One line for each thing a person has to know. */
export function verdictText(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'clean':
      return `dependencies audited: nothing known but ${verdict.tolerated.length} tolerated advisories`;
    case 'not-audited':
      return `DEPENDENCIES WERE NOT AUDITED: ${verdict.why}`;
    case 'vulnerable':
      return [
        'dependencies audited: NOT clean',
        ...verdict.found.map((each) => `  ${each.package}: ${each.advisory} (${each.severity}) ${each.title}`),
        ...verdict.stale.map((each) => `  ${each.package}: ${each.advisory} is tolerated but over or gone: remove it`),
      ].join('\n');
  }
}

/** The allow list beside this file. */
export function allowList(): readonly Allowed[] {
  return JSON.parse(readFileSync(new URL('./audit-allowed.json', import.meta.url), 'utf8')) as readonly Allowed[];
}

interface Report {
  readonly vulnerabilities?: Readonly<Record<string, unknown>> | null;
  readonly message?: unknown;
}

function parsed(output: string): Report | undefined {
  try {
    const value: unknown = JSON.parse(output);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function whyNot(report: Report | undefined, output: string): string {
  if (typeof report?.message === 'string') return report.message.replace(/https?:\/\/\S+/g, 'the registry');
  return output.trim() === '' ? 'npm audit printed nothing' : 'npm audit printed no report';
}

/** `via` holds advisories, and names of packages that have advisories of their own. */
function advisoriesOf(vulnerability: unknown): Advisory[] {
  const via: unknown = Reflect.get(Object(vulnerability), 'via');
  if (!Array.isArray(via)) return [];
  return via
    .filter((each: unknown) => typeof each === 'object' && each !== null)
    .map((each: object) => {
      const text = (name: string): string => String(Reflect.get(each, name) ?? '');
      const advisory = /GHSA(?:-[a-z0-9]{4}){3}/i.exec(text('url'))?.[0] ?? text('source');
      return { advisory, package: text('name'), severity: text('severity'), title: text('title') };
    });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { stdout } = runSync(await requireTool('npm'), ['audit', '--json'], { timeout: 120_000 });
  const verdict = judge(stdout ?? '', allowList(), new Date().toISOString().slice(0, 10));
  process.stdout.write(`${verdictText(verdict)}\n`);
  process.exitCode = EXIT_CODES[verdict.kind];
}
