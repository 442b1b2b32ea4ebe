// Directories of work that is over and that could not be removed then: emptying one takes a file handle, giving it another name takes
// none. By that name whoever owns the place of unfinished files (stores/embedded/scratch-dir.ts) knows them, and removes them later.
import { randomUUID } from 'node:crypto';

/** What their names begin with. */
export const LEFT_BEHIND = 'left-';

/** Where `directory`, in which nobody works any more, is to be instead: beside where it is. */
export function leftBehind(directory: string): string {
  return `${directory.slice(0, directory.lastIndexOf('/') + 1)}${LEFT_BEHIND}${randomUUID()}`;
}
