// One setting as every other file of this folder sees it: how it is named, checked and explained.
import type { Kind } from './kinds.js';

/** The facts of the machine that `auto` values are decided from. */
export interface Machine {
  /** Cores this process may use, at least 1. */
  readonly cores: number;
  /** Bytes of memory this process may use: the machine's, or its container's. */
  readonly memoryBytes: number;
}

export interface Setting<T> extends Kind<T> {
  /** The environment variable that overrides it. */
  readonly env: string;
  /** One sentence for default.yaml, the table of docs/CONFIGURATION.md and nobody else. */
  readonly meaning: string;
  /** The value is never reported, logged or shown. */
  readonly secret: boolean;
  /** A new value is taken over on SIGHUP, without a restart. */
  readonly reloads: boolean;
  /** What `auto` means here; `workers` is the number of HTTP processes. */
  readonly auto?: (machine: Machine, workers: number) => number;
}

interface Extras {
  readonly secret?: boolean;
  readonly reloads?: boolean;
  readonly auto?: (machine: Machine, workers: number) => number;
}

/** A setting of `kind`, overridden by the environment variable `PROOFSHEET_<name>`. */
export function setting<T>(name: string, kind: Kind<T>, meaning: string, extras: Extras = {}): Setting<T> {
  return {
    ...kind,
    ...extras,
    env: `PROOFSHEET_${name}`,
    meaning,
    secret: extras.secret ?? false,
    reloads: extras.reloads ?? false,
  };
}
