// The Content-Disposition of a form's part as clients write it that post a stream: without a file name, or with an empty one.
// The multipart parser takes such a part for text, so it is told a name. Pure.
import { splitParameters, unquoted } from './form-type.js';

/** What the parser is told; nobody else sees it. */
const STAND_IN = 'unnamed';

/**
 * `disposition` with a file name, where it is that of a part `partName` that has none of its own; else `undefined`. Whatever
 * is no well-formed `form-data` is left to the parser.
 */
export function withFileName(disposition: string, partName: string): string | undefined {
  const [type = '', ...parameters] = splitParameters(disposition);
  if (type.toLowerCase() !== 'form-data' || parameterOf(parameters, 'name') !== partName) return undefined;
  // RFC 8187: charset and language stand in front of an extended value, each before a quote.
  const extended = parameterOf(parameters, 'filename*')?.replace(/^[^']*'[^']*'/, '');
  if (hasName(extended) || hasName(parameterOf(parameters, 'filename'))) return undefined;
  return `form-data; name="${partName}"; filename="${STAND_IN}"`;
}

function parameterOf(parameters: readonly string[], wanted: string): string | undefined {
  for (const parameter of parameters) {
    const [, name, value = ''] = /^([^=\s]+)\s*=\s*(.*)$/s.exec(parameter) ?? [];
    if (name?.toLowerCase() === wanted) return unquoted(value);
  }
  return undefined;
}

/** Of a path the parser takes the last segment, so a path that ends with a slash names nothing. */
function hasName(path: string | undefined): boolean {
  return path !== undefined && !/(?:^|[/\\])$/.test(path);
}
