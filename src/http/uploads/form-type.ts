// The Content-Type of a form as clients really write it: read leniently here, handed to the multipart parser in the one form
// that every parser reads alike. Pure.

/** RFC 2046 section 5.1.1 allows 70; some clients take more. */
const MAX_BOUNDARY_CHARACTERS = 200;

/**
 * The boundary that a `multipart/form-data` names, or `undefined` when there is none to be used. Takes what strict parsers
 * refuse although it can mean one thing only: an unquoted value with `=` or other separators in it, empty parameters
 * (`; ;`), blanks around `=`. The first of several counts.
 */
export function boundaryOf(contentType: string): string | undefined {
  const [, ...parameters] = splitParameters(contentType);
  for (const parameter of parameters) {
    const [, name, value = ''] = /^([^=\s]+)\s*=\s*(.*)$/s.exec(parameter) ?? [];
    if (name?.toLowerCase() !== 'boundary') continue;
    const boundary = unquoted(value);
    // Every part begins with it: line ends and control characters cannot be in it, nor can it be empty.
    return /^[\x20-\x7e]+$/.test(boundary) && boundary.length <= MAX_BOUNDARY_CHARACTERS ? boundary : undefined;
  }
  return undefined;
}

/** `multipart/form-data` with `boundary` as a quoted string (RFC 9110 section 5.6.4). */
export function formTypeOf(boundary: string): string {
  return `multipart/form-data; boundary="${boundary.replace(/["\\]/g, '\\$&')}"`;
}

/** The parts between semicolons that stand outside quotes, trimmed. */
export function splitParameters(text: string): string[] {
  return (text.match(/(?:"(?:\\.|[^"\\])*"|[^;])+/gs) ?? []).map((part) => part.trim());
}

/** A parameter's value without its quotes and escapes. */
export function unquoted(value: string): string {
  const inside = /^"((?:\\.|[^"\\])*)"$/s.exec(value)?.[1];
  return inside === undefined ? value : inside.replace(/\\(.)/gs, '$1');
}
