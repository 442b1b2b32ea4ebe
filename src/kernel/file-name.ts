// What is kept of a name that somebody else gives a file: a hint for metadata and downloads, never a path. Pure.

/** Longest file name that is kept, in bytes of UTF-8: what file systems allow for one name. */
const MAX_FILE_NAME_BYTES = 255;

/** The last segment of a file name without control characters; `""` when nothing is left. */
export function safeFileName(name: string): string {
  const segment = name.split(/[/\\]/).at(-1) ?? '';
  const printable = [...segment.replace(/[\p{Cc}\p{Cs}]/gu, '').trim()].slice(0, MAX_FILE_NAME_BYTES);
  while (Buffer.byteLength(printable.join('')) > MAX_FILE_NAME_BYTES) printable.pop();
  const cut = printable.join('');
  return cut === '.' || cut === '..' ? '' : cut;
}
