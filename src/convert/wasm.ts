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

/** The option by which the loaders of Emscripten take a compiled module. */
export function instanceOf(module: WasmModule) {
  return {
    instantiateWasm(imports: object, done: (instance: object, module: WasmModule) => void): object {
      const instance = new Instance(module, imports);
      done(instance, module);
      return instance.exports;
    },
    // What decoders print is for nobody.
    print: () => undefined,
    printErr: () => undefined,
  };
}
