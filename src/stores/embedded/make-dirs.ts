// Directories with everything above them, made one by one. Node's own recursive mkdir never ends where a directory exists and
// a new one in it is still answered with "no such directory", as /proc does (seen with Node 20, in both its forms).
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from './storage-errors.js';

/** Makes the directory `path` and those above it that are missing; one that is there is left as it is. Throws the system's error. */
export function makeDirs(path: string): void {
  try {
    makeDir(path);
  } catch (error) {
    const above = dirname(path);
    if (errnoOf(error) !== 'ENOENT' || above === path || isDirectory(above)) throw error;
    makeDirs(above);
    makeDir(path);
  }
}

function makeDir(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have made it just now.
    if (errnoOf(error) !== 'EEXIST' || !isDirectory(path)) throw error;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
