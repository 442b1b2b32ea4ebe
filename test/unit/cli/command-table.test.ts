// The table of commands is what all of them are given by: help tells of every option and of no other, shells complete the same, and the ways
// to end are those that are documented.
import { describe, expect, it } from 'vitest';
import { COMMANDS, type CommandName, formOf, optionsNamed, SERVER_OPTIONS } from '../../../src/cli/command-table.js';
import { completion } from '../../../src/cli/completion.js';
import { helpOf, USAGE } from '../../../src/cli/help.js';
import { EXIT, optionsOf, UsageError } from '../../../src/cli/usage.js';
import { readDocument, tableBelow } from '../../support/documents.js';

const NAMES = Object.keys(COMMANDS) as CommandName[];
const optionsIn = (text: string) => [...text.matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)].map(([, name = '']) => name);

describe.each(NAMES)('%s', (name) => {
  it('is told of with each of its options', () => {
    const text = helpOf(name) ?? '';
    expect(text).toMatch(new RegExp(`^ {2}${name}\\b`));
    // As `-o FILE` for short.
    const told = [...optionsIn(text), ...(/(?<=\[| )-o FILE/.test(text) ? ['output'] : [])];
    expect(optionsNamed(name).filter((option) => !told.includes(option))).toEqual([]);
  });

  it('takes its options, and none that it does not have', () => {
    const { values, flags } = formOf(name);
    const given = optionsOf(name, [
      ...values.flatMap((value) => [`--${value}`, 'text']),
      ...flags.map((flag) => `--${flag}`),
    ]);
    expect([Object.keys(given.values), [...given.flags]]).toEqual([[...values], [...flags]]);
    expect(() => optionsOf(name, ['--no-such-option'])).toThrow(UsageError);
    for (const value of values) expect(() => optionsOf(name, [`--${value}`])).toThrow(UsageError);
  });

  // As `--context "$CTX"` where nobody has set CTX.
  it('takes nothing that is empty', () => {
    const { values } = formOf(name);
    for (const value of values) {
      expect(() => optionsOf(name, [`--${value}`, ''])).toThrow(`expected a value of --${value}, got an empty text`);
      expect(() => optionsOf(name, [`--${value}=`])).toThrow(UsageError);
    }
    expect(() => optionsOf(name, ['text', ''])).toThrow(UsageError);
  });

  it.each(['bash', 'zsh'])('is completed by %s with each of its options', (shell) => {
    const [, line = ''] = new RegExp(`^ +${name}\\) (.*);;$`, 'm').exec(completion(shell)) ?? [];
    if (name !== 'help' && name !== 'completion') expect(optionsIn(line)).toEqual([...optionsNamed(name), 'help']);
    expect(completion(shell)).toMatch(new RegExp(`[" ]${name}[" ;]`));
  });

  it('is completed by fish with each of its options', () => {
    const lines = completion('fish').split('\n');
    for (const option of optionsNamed(name))
      expect(lines.some((line) => line.includes(`from ${name}' -l ${option}`))).toBe(true);
  });

  it('takes --json, but for what starts a server', () => {
    expect(formOf(name).flags.includes('json')).toBe(name !== 'serve');
  });
});

it('help tells of no option that no command has', () => {
  const known = new Set([...NAMES.flatMap(optionsNamed), 'help']);
  expect(optionsIn(USAGE).filter((option) => !known.has(option))).toEqual([]);
  expect(SERVER_OPTIONS.filter((option) => !optionsIn(USAGE).includes(option))).toEqual([]);
});

it('commands end as help and docs/OPERATIONS.md say', () => {
  const codes = [0, ...Object.values(EXIT)];
  const [, told = ''] = /^exit codes: (.*)/ms.exec(USAGE) ?? [];
  expect([...told.matchAll(/(?:^|, |\n)(\d+)(?= )/g)].map(([, code]) => Number(code))).toEqual(codes);
  const documented = tableBelow(readDocument('docs/OPERATIONS.md'), 'The command line').map(([code]) => Number(code));
  expect(documented).toEqual(codes);
});
