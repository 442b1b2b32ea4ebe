// The three places that list the settings say the same: the schema, default.yaml and custom-environment-variables.yaml.
import { readFileSync } from 'node:fs';
import { load as parseYaml } from 'js-yaml';
import { expect, test } from 'vitest';
import { configTable } from '../../../src/config/config-table.js';
import { allSettings } from '../../../src/config/schema.js';
import { PROFILES } from '../../../src/config/serving-settings.js';

const read = (name: string) => readFileSync(new URL(`../../../config/${name}`, import.meta.url), 'utf8');

function leaves(tree: unknown, path: string[] = []): [key: string, value: unknown][] {
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) return [[path.join('.'), tree]];
  return Object.entries(tree).flatMap(([name, value]) => leaves(value, [...path, name]));
}

/** The words of the comment right above each key, by key. */
function commentsOf(text: string): Map<string, string> {
  const comments = new Map<string, string>();
  let section = '';
  let words: string[] = [];
  for (const line of text.split('\n')) {
    const name = /^( *)([A-Za-z0-9]+):/.exec(line);
    if (/^ *#/.test(line)) words.push(line.replace(/^ *# ?/, ''));
    else if (name?.[1] === '') section = name[2] ?? '';
    else if (name?.[1] === '  ') comments.set(`${section}.${name[2]}`, words.join(' '));
    if (!/^ *#/.test(line)) words = [];
  }
  return comments;
}

const keys = allSettings().map(({ key }) => key);

test('default.yaml lists exactly the keys of the schema, in its order', () => {
  expect(leaves(parseYaml(read('default.yaml'))).map(([key]) => key)).toEqual(keys);
});

test('custom-environment-variables.yaml names exactly the variables of the schema', () => {
  expect(leaves(parseYaml(read('custom-environment-variables.yaml')))).toEqual(
    allSettings().map(({ key, setting }) => [key, setting.env]),
  );
});

test('no two settings share an environment variable', () => {
  expect(new Set(allSettings().map(({ setting }) => setting.env)).size).toBe(keys.length);
});

test('above every key of default.yaml stand its meaning, its unit and range, and its environment variable', () => {
  const comments = commentsOf(read('default.yaml'));
  for (const { key, setting } of allSettings())
    expect(comments.get(key)).toBe(`${setting.meaning} ${setting.expected}. ${setting.env}`);
});

test('production.yaml overrides keys that exist', () => {
  for (const [key] of leaves(parseYaml(read('production.yaml')))) expect(keys).toContain(key);
});

test.each(PROFILES)('the profile %s overrides keys that exist, and names no secret', (profile) => {
  const overridden = leaves(parseYaml(read(`profiles/${profile}.yaml`))).map(([key]) => key.replace(/\.\d+$/, ''));
  expect(overridden.length).toBeGreaterThan(0);
  for (const key of overridden)
    expect(allSettings().find((keyed) => keyed.key === key)?.setting.secret, key).toBe(false);
});

test('the table has a row per setting with key, variable, default, range and meaning', () => {
  const lines = configTable().split('\n');
  expect(lines).toHaveLength(keys.length + 2);
  expect(lines).toContain(
    '| `server.port` | `PROOFSHEET_PORT` | `8005` | port number, 0 to 65535 | Port to listen on; 0 takes any free one. |',
  );
  expect(lines.find((line) => line.includes('PROOFSHEET_ADMIN_PASSWORD'))).toContain('| unset |');
  for (const line of lines) expect(line.split(/(?<!\\)\|/)).toHaveLength(7);
});
