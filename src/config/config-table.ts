// The configuration as a Markdown table, from the same source as the checks: docs/CONFIGURATION.md holds it, a test compares.
import { defaultValues } from './load-config.js';
import { allSettings } from './schema.js';
import type { Setting } from './setting.js';

/** Markdown: a head, then one row per setting with key, environment variable, default, unit and range, and meaning. */
export function configTable(): string {
  const defaults = defaultValues();
  const rows = allSettings().map(({ key, section, name, setting }) => {
    const values = defaults[section];
    const value = typeof values === 'object' && values !== null ? Reflect.get(values, name) : undefined;
    return row([`\`${key}\``, `\`${setting.env}\``, defaultText(value), setting.expected, meaningOf(setting)]);
  });
  return [
    row(['Key', 'Environment variable', 'Default', 'Unit and range', 'Meaning']),
    row(['---', '---', '---', '---', '---']),
    ...rows,
  ].join('\n');
}

/** What reloads says so. */
function meaningOf({ meaning, reloads }: Setting<unknown>): string {
  return reloads ? `${meaning} **Reloads.**` : meaning;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function defaultText(value: unknown): string {
  if (value === null || value === undefined) return 'unset';
  return `\`${Array.isArray(value) ? value.join(', ') : String(value)}\``;
}
