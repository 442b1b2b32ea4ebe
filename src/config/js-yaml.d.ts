// js-yaml brings no types; the tests need these two functions of it.
declare module 'js-yaml' {
  export function load(text: string): unknown;
  export function loadAll(text: string): unknown[];
}
