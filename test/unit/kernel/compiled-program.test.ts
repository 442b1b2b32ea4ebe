// A child's program is the compiled one: beside a compiled module, and of a source module at the same place below bin/.
import { expect, test } from 'vitest';
import { compiledProgram } from '../../../src/kernel/compiled-program.js';

test.each([
  ['file:///app/dist/convert/pool.js', 'file:///app/dist/convert/child.js'],
  ['file:///app/src/convert/pool.ts', 'file:///app/bin/convert/child.js'],
  ['file:///home/src/app/src/stores/embedded/salvage.ts', 'file:///home/src/app/bin/stores/embedded/child.js'],
  ['file:///home/src/app/dist/stores/salvage.js', 'file:///home/src/app/dist/stores/child.js'],
  ['file:///a%20b/src/c/d.ts?v=1', 'file:///a%20b/bin/c/child.js'],
])('of %s it is %s', (module, program) => {
  expect(compiledProgram('child', module).href).toBe(program);
});

test('there is none of source that is not below src/', () => {
  expect(() => compiledProgram('child', 'file:///app/lib/pool.ts')).toThrow(RangeError);
});
