// js-yaml brings no types; the tests need this one function of it.
declare module 'js-yaml' {
  export function load(text: string): unknown;
}
