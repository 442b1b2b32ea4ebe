// Decoders in WebAssembly: compiled once a process, when the first source of their type comes; every source gets an instance of its
// own, so that none finds what another has left behind, and its memory goes with it.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** What is used of the standard's interface, which Node has and its types leave to browsers' ones. */
interface WebAssemblyInterface {
  compile(bytes: Uint8Array): Promise<WasmModule>;
  readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: object };
}

declare const compiledModule: unique symbol;
/** A module that is compiled and has no memory yet. */
export interface WasmModule {
  readonly [compiledModule]: true;
}

const { compile, Instance } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyInterface }).WebAssembly;
const require = createRequire(import.meta.url);
const compiled = new Map<string, Promise<WasmModule>>();

/** The module in the file that `specifier` names (`package/file.wasm`). Throws `MODULE_NOT_FOUND` where it is not installed. */
export function compiledWasm(specifier: string): Promise<WasmModule> {
  const known = compiled.get(specifier);
  if (known) return known;
  const compiling = readAndCompile(specifier);
  compiled.set(specifier, compiling);
  compiling.catch(() => compiled.delete(specifier));
  return compiling;
}

async function readAndCompile(specifier: string): Promise<WasmModule> {
  return compile(await readFile(require.resolve(specifier)));
}

/** How far the memory of an instance may grow, in bytes: looked at whenever it asks for more. */
export interface HeapBound {
  mostBytes: number;
  /** It has asked for more, and did not get it: what it made since is not whole. */
  isPassed: boolean;
}

type Imports = { readonly env?: { readonly emscripten_resize_heap?: (bytes: number) => number } };

/** The option by which the loaders of Emscripten take a compiled module; `bound`: of one that names its imports. */
export function instanceOf(module: WasmModule, bound?: HeapBound) {
  return {
    instantiateWasm(imports: object, done: (instance: object, module: WasmModule) => void): object {
      const instance = new Instance(module, bound ? boundImports(imports, bound) : imports);
      done(instance, module);
      return instance.exports;
    },
    // What decoders print is for nobody.
    print: () => undefined,
    printErr: () => undefined,
  };
}

function boundImports(imports: Imports, bound: HeapBound): object {
  const grow = imports.env?.emscripten_resize_heap;
  if (grow === undefined) throw new Error('expected a decoder that asks for memory by name');
  const resize = (asked: number): number => {
    // As the module means it: more than 2 GiB come as a negative number.
    const bytes = asked >>> 0;
    if (bytes <= bound.mostBytes) return grow(bytes);
    bound.isPassed = true;
    return 0;
  };
  return { ...imports, env: { ...imports.env, emscripten_resize_heap: resize } };
}
