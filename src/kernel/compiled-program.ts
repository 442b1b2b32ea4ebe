// Where the compiled program of a child process is. Pure: looks at no file.

/**
 * The program `name` (without its ending) beside the module at `moduleUrl`; of a module that runs as source, below src/, the one that
 * was built of it, at the same place below bin/. Throws a `RangeError` for source that is not below src/.
 */
export function compiledProgram(name: string, moduleUrl: string): URL {
  const beside = new URL(`./${name}.js`, moduleUrl);
  if (!new URL(moduleUrl).pathname.endsWith('.ts')) return beside;
  const at = beside.href.lastIndexOf('/src/');
  if (at === -1) throw new RangeError(`expected a module below src/, got ${moduleUrl}`);
  return new URL(`${beside.href.slice(0, at)}/bin/${beside.href.slice(at + '/src/'.length)}`);
}
