// The text of a Java .properties file as a map, by the rules of java.util.Properties.load. Knows no property.

/** Natural lines, each with the blank characters in front of it cut off; a `\` at the end of one goes on with the next. */
function logicalLines(text: string): readonly string[] {
  const lines: string[] = [];
  let open: string | undefined;
  for (const natural of text.split(/\r\n|\n|\r/)) {
    const line = natural.replace(/^[ \t\f]+/, '');
    if (open === undefined && (line === '' || line.startsWith('#') || line.startsWith('!'))) continue;
    const whole: string = (open ?? '') + line;
    const slashes = /\\*$/.exec(whole)?.[0].length ?? 0;
    open = slashes % 2 === 1 ? whole.slice(0, -1) : undefined;
    if (open === undefined) lines.push(whole);
  }
  if (open !== undefined) lines.push(open);
  return lines;
}

const ESCAPED: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

/** Throws a `RangeError` for `\u` without four hex digits, as Java does. */
function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|([\s\S]))/g, (_match, hex: string | undefined, character: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    if (character === 'u') throw new RangeError('expected four hex digits behind \\u, got something else');
    return ESCAPED[character] ?? character;
  });
}

/** Key to value, in the order of the file; of a key that stands twice the last value. Throws a `RangeError` for a malformed `\u`. */
export function parseProperties(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of logicalLines(text)) {
    // The key ends at the first =, : or blank that is not escaped; blanks around one = or : belong to neither side.
    const [, key = '', value = ''] =
      /^((?:\\[\s\S]|[^\\=: \t\f])*)[ \t\f]*(?:[=:][ \t\f]*)?([\s\S]*)$/.exec(line) ?? [];
    found.set(unescaped(key), unescaped(value));
  }
  return found;
}
