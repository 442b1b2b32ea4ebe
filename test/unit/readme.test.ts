// README.md says what the code says: settings, errors, operations, commands, metrics and links. What a reader copies works.
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { allSettings } from '../../src/config/schema.js';
import { OPERATION_NAMES, operationsOf } from '../../src/http/dialects/image-converter/operations.js';
import { ERROR_CODES, PROTOCOL_ERRORS } from '../../src/http/replies/error-map.js';
import { parseFormat, SCALE_TYPES } from '../../src/kernel/format.js';
import { geometryOf } from '../../src/kernel/sizes.js';
import { COUNTERS, GAUGES, HISTOGRAMS, METRIC_PREFIX } from '../../src/telemetry/metric-table.js';
import { readReadme, withGeneratedParts } from '../support/readme.js';

const readme = readReadme();
const OPERATIONS = operationsOf({ strictFormats: false });

/** Cells of the body of the first table below the heading `title`, row by row, code marks taken off. */
function tableBelow(title: string): readonly (readonly string[])[] {
  const [, section = ''] = readme.split(new RegExp(`^#+ ${title}$`, 'm'));
  const table = /(?:^\|.*\n)+/m.exec(section)?.[0] ?? '';
  return table
    .trim()
    .split('\n')
    .slice(2)
    .map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
}

/** The commands of all shell blocks, with continued lines joined. */
function commands(): readonly string[] {
  return [...readme.matchAll(/```sh\n(.*?)```/gs)]
    .flatMap(([, block = '']) => block.replaceAll('\\\n', ' ').split('\n'))
    .map((line) => line.replace(/(?:^|\s)#.*/, '').trim())
    .filter((line) => line !== '');
}

describe('README.md', () => {
  it('holds the configuration table that the settings give; npm run docs writes it', () => {
    expect(readme).toBe(withGeneratedParts(readme));
    expect(readme.match(/^\| `[a-z]+\.[A-Za-z0-9]+` \|/gm)).toHaveLength(allSettings().length);
  });

  it('lists every error with its status, code and name, and no other', () => {
    const documented = tableBelow('Errors').map(([status, code, name]) => `${status} ${code} ${name}`);
    const coded = Object.entries({ ...ERROR_CODES, ...PROTOCOL_ERRORS }).map(
      ([name, { status, code }]) => `${status} ${code} ${name}`,
    );
    expect(documented).toEqual(coded);
    for (const [, , , when = ''] of tableBelow('Errors')) expect(when.length).toBeGreaterThan(5);
  });

  it('lists every operation with its path, its verbs and whether it is protected', () => {
    const documented = tableBelow('Every operation').map(([path, verbs, auth]) => ({ path, verbs, auth }));
    const registered = OPERATION_NAMES.map((name) => ({
      path: OPERATIONS[name].path.slice(1),
      verbs: OPERATIONS[name].verbs.join(', '),
      auth: OPERATIONS[name].opensTo === 'admin' ? 'admin' : '',
    }));
    expect(documented).toEqual(registered);
  });

  it.each(OPERATION_NAMES)('shows a curl line for %s, with its verb, its path and its credentials', (name) => {
    const { body, opensTo, path: template } = OPERATIONS[name];
    const segments = template.split('/').slice(2);
    const lines = commands().filter((line) => new RegExp(`^curl .*\\$B/${name}(?![A-Za-z])`).test(line));
    expect(lines).not.toEqual([]);
    for (const line of lines) {
      expect(line.includes('-F ')).toBe(body === 'source');
      expect(line.includes('-u admin:')).toBe(opensTo === 'admin');
      expect(line.includes('-X DELETE')).toBe(name.startsWith('clear'));
      const path = new RegExp(`\\$B/${name}((?:/[^ ?"/]+)*)`).exec(line)?.[1] ?? '';
      const [imageKey, format] = path.split('/').slice(1);
      expect(path.split('/').length - 1).toBe(segments.length);
      if (segments[0] === '{imageKey}') expect(imageKey).toMatch(/^(photo|screenshot)$/);
      if (format !== undefined) expect(parseFormat(format).widthPx).toBeGreaterThan(0);
    }
  });

  it('shows a curl line for each probe at the root', () => {
    for (const probe of ['metrics', 'healthz', 'readyz'])
      expect(commands()).toContain(`curl http://127.0.0.1:8005/${probe}`);
  });

  it('gives the sizes of the scale types as the geometry has them', () => {
    const rows = tableBelow('Formats').map(([names = '', size]) => [names.split(' ')[0] ?? '', size] as const);
    expect(rows.map(([name]) => name)).toEqual([...SCALE_TYPES]);
    for (const [name, size] of rows) {
      const geometry = geometryOf({ widthPx: 640, heightPx: 480 }, parseFormat(`200x200~${name}`)).size;
      expect(`${geometry.widthPx}x${geometry.heightPx}`).toBe(size);
    }
  });

  it('names only npm scripts that exist', () => {
    const scripts = [...readme.matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name);
    expect(scripts).toContain('docs');
    for (const name of [...scripts, 'start', 'test']) expect(packageJson.scripts).toHaveProperty([name]);
  });

  it('names only environment variables that exist', () => {
    const known = new Set(allSettings().map(({ setting }) => setting.env));
    const named = [...readme.matchAll(/PROOFSHEET_[A-Z0-9_]+/g)].map(([name]) => name);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('names only metrics and labels that exist', () => {
    const rules = { ...COUNTERS, ...GAUGES, ...HISTOGRAMS };
    const named = [...readme.matchAll(/\bproofsheet_(\w+)(?:\{([a-z_]+))?/g)];
    expect(named.length).toBeGreaterThan(8);
    for (const [whole, name = '', label] of named) {
      expect(Object.keys(rules), `${METRIC_PREFIX}${name}`).toContain(name);
      const { labels } = rules[name as keyof typeof rules];
      if (label !== undefined) expect(Array.isArray(labels) ? labels : Object.keys(labels), whole).toContain(label);
    }
  });

  it('links to files and headings that exist', () => {
    const anchors = [...readme.matchAll(/^#+ (.+)$/gm)].map(
      ([, title = '']) =>
        `#${title
          .toLowerCase()
          .replace(/[^\w -]/g, '')
          .replaceAll(' ', '-')}`,
    );
    const targets = [...readme.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    expect(targets.length).toBeGreaterThan(10);
    for (const target of targets) {
      if (target.startsWith('#')) expect(anchors).toContain(target);
      else if (!target.startsWith('https://'))
        expect(existsSync(new URL(`../../${target}`, import.meta.url)), target).toBe(true);
    }
  });

  it('names only folders of the source that exist', () => {
    const paths = [...readme.matchAll(/`((?:src|config|test)\/[\w./-]+)`/g)].map(([, path = '']) => path);
    expect(paths.length).toBeGreaterThan(5);
    for (const path of paths) expect(existsSync(new URL(`../../${path}`, import.meta.url)), path).toBe(true);
  });
});
