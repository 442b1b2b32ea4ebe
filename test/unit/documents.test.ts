// What documents name is there: settings, metrics, scripts, files, and what they link to. README.md stays short, and leads to
// all of them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { allSettings } from '../../src/config/schema.js';
import { BOXES, COUNTERS, GAUGES, HISTOGRAMS, METRIC_PREFIX } from '../../src/telemetry/metric-table.js';
import { anchorsOf, DOCUMENTS, linksOf, pathsIn, readDocument } from '../support/documents.js';
import { testFiles } from '../support/projects.js';
import { SETTINGS_DOCUMENT, withGeneratedParts } from '../support/settings-document.js';

const ROOT = new URL('../../', import.meta.url);
/** Five minutes at 200 words a minute; tables and commands count as text. */
const MOST_WORDS = 1_000;
/** Written by `npm run bench`. */
const MADE_LATER = /^test\/bench\/results\//;

const texts = DOCUMENTS.map((path) => ({ path, text: readDocument(path) }));
const all = texts.map(({ text }) => text).join('\n');

describe('README.md', () => {
  const readme = readDocument('README.md');

  it('is read in five minutes', () => {
    expect(readme.split(/\s+/).length).toBeLessThan(MOST_WORDS);
  });

  it('leads to every other document', () => {
    const others = DOCUMENTS.filter((path) => path !== 'README.md');
    expect(others.length).toBeGreaterThan(10);
    expect(linksOf(readme)).toEqual(expect.arrayContaining(others));
  });

  it('is shipped with the documents that it says the contract in', () => {
    expect(packageJson.files).toEqual(expect.arrayContaining(['README.md', 'CHANGELOG.md', 'docs', 'config']));
    const ignored = readDocument('.dockerignore').split('\n');
    for (const needed of ['!README.md', '!CHANGELOG.md', '!docs', '!config']) expect(ignored).toContain(needed);
    expect(readDocument('Dockerfile')).toMatch(/^COPY docs \.\/docs$/m);
  });
});

describe('the table of settings', () => {
  it('is what the settings give; npm run docs writes it', () => {
    const text = readDocument(SETTINGS_DOCUMENT);
    expect(text).toBe(withGeneratedParts(text));
    expect(text.match(/^\| `[a-z]+\.[A-Za-z0-9]+` \|/gm)).toHaveLength(allSettings().length);
  });
});

describe('a document', () => {
  it.each(texts)('$path names tests that are there', ({ text }) => {
    // By the end of their paths: what a table shows its tests by begins where the table says.
    for (const [, named = ''] of text.matchAll(/`(?:\.\.\/)*([\w./-]+\.test\.ts)`/g))
      expect(
        testFiles().filter((path) => `/${path}`.endsWith(`/${named.replace(/^test\//, '')}`)),
        named,
      ).not.toEqual([]);
  });

  it.each(DOCUMENTS)('%s links to files and headings that exist', (path) => {
    for (const link of linksOf(readDocument(path))) {
      if (link.startsWith('https://')) continue;
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? path : posix.join(posix.dirname(path), file);
      expect(existsSync(new URL(target, ROOT)), link).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(readDocument(target)), link).toContain(anchor);
    }
  });

  it('is told from its links: there are some, also to headings', () => {
    const links = texts.flatMap(({ text }) => linksOf(text));
    expect(links.length).toBeGreaterThan(30);
    expect(links.filter((link) => link.includes('#')).length).toBeGreaterThan(4);
  });

  it.each(DOCUMENTS)('%s names only files and folders that exist', (path) => {
    for (const named of pathsIn(readDocument(path)))
      if (!MADE_LATER.test(named)) expect(existsSync(new URL(named, ROOT)), named).toBe(true);
  });

  it('names only npm scripts that exist', () => {
    const scripts = [...all.matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map(([, name = '']) => name);
    expect(scripts).toEqual(expect.arrayContaining(['docs', 'lint', 'bench', 'convert']));
    for (const name of [...scripts, 'start', 'test']) expect(packageJson.scripts).toHaveProperty([name]);
  });

  it('names only environment variables that exist', () => {
    const known = new Set(allSettings().map(({ setting }) => setting.env));
    const ofTests = new Set(variablesOfTests());
    const named = [...all.matchAll(/PROOFSHEET_[A-Z0-9_]+/g)].map(([name]) => name);
    expect(named.length).toBeGreaterThan(known.size);
    expect(named.filter((name) => !known.has(name) && !ofTests.has(name))).toEqual([]);
  });

  it('names only metrics and labels that exist', () => {
    const rules = { ...COUNTERS, ...GAUGES, ...HISTOGRAMS, ...BOXES };
    const named = [...all.matchAll(/\bproofsheet_(\w+)(?:\{([a-z_]+))?/g)];
    expect(named.length).toBeGreaterThan(8);
    for (const [whole, name = '', label] of named) {
      expect(Object.keys(rules), `${METRIC_PREFIX}${name}`).toContain(name);
      const { labels } = rules[name as keyof typeof rules];
      if (label !== undefined) expect(Array.isArray(labels) ? labels : Object.keys(labels), whole).toContain(label);
    }
  });
});

/** What only the tests are told by the environment. */
function variablesOfTests(): readonly string[] {
  const paths = readdirSync(new URL('test', ROOT), { recursive: true, encoding: 'utf8' });
  return paths
    .filter((path) => path.endsWith('.ts') && !path.includes('node_modules'))
    .flatMap((path) => readFileSync(new URL(`test/${path}`, ROOT), 'utf8').match(/PROOFSHEET_TEST_[A-Z_]+/g) ?? []);
}
