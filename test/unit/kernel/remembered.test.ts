// Answers that are remembered: by name, the latest of them, and none that was thrown.
import { expect, test } from 'vitest';
import { remembered } from '../../../src/kernel/remembered.js';

function counting(most: number) {
  const asked: string[] = [];
  const memory = remembered<{ readonly of: string }>(most);
  const ask = (name: string) =>
    memory(name, () => {
      asked.push(name);
      return { of: name };
    });
  return { asked, ask };
}

test('an equal name gets the very answer of before', () => {
  const { asked, ask } = counting(2);
  expect(ask('a')).toBe(ask('a'));
  expect(ask('b')).toEqual({ of: 'b' });
  expect(asked).toEqual(['a', 'b']);
});

test('what was asked for least lately is forgotten first', () => {
  const { asked, ask } = counting(2);
  for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) ask(name);
  expect(asked).toEqual(['a', 'b', 'c', 'b']);
});

test('what throws is asked again', () => {
  const memory = remembered<number>(2);
  const fail = () => {
    throw new Error('not now');
  };
  expect(() => memory('a', fail)).toThrow('not now');
  expect(memory('a', () => 7)).toBe(7);
});
