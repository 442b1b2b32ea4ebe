// Texts of EXIF whose first eight bytes tell their coding (CIPA DC-008, section 4.6.5, UserComment).

const CODE_BYTES = 8;

/** The text of `value`; `undefined` where it is not coded so. `bigEndian`: the order of the block, for want of a better sign. */
export function codedText(value: readonly number[], bigEndian: boolean): string | undefined {
  const bytes = Buffer.from(value);
  const text = bytes.subarray(CODE_BYTES);
  switch (bytes.toString('latin1', 0, CODE_BYTES).replace(/[\0 ]+$/, '')) {
    case 'UNICODE':
      return decoded(text, utf16Of(text, bigEndian));
    case 'JIS':
      return decoded(text, 'iso-2022-jp');
    case 'ASCII':
    case '':
      // UTF-8 is what writes more than ASCII there.
      return bytes.length < CODE_BYTES ? undefined : decoded(text, 'utf-8');
    default:
      return undefined;
  }
}

function decoded(bytes: Buffer, coding: string): string {
  return new TextDecoder(coding).decode(bytes).replace(/\0[\s\S]*$/, '');
}

/** By the mark before the text, by the zeros in it, or by the block's order. Some write UTF-8 there. */
function utf16Of(text: Buffer, bigEndian: boolean): string {
  if (text[0] === 0xff && text[1] === 0xfe) return 'utf-16le';
  if (text[0] === 0xfe && text[1] === 0xff) return 'utf-16be';
  let [even, odd] = [0, 0];
  // Zeros at the end fill up, and are no sign.
  const end = text.length - (/(?:\0\0)*$/.exec(text.toString('latin1'))?.[0].length ?? 0);
  for (let at = 0; at < end; at++) if (text[at] === 0) at % 2 === 0 ? even++ : odd++;
  if (even !== odd) return even > odd ? 'utf-16be' : 'utf-16le';
  const isUtf8 = text.length > 0 && /^[\x20-\x7e]+$/.test(text.toString('latin1', 0, end));
  return isUtf8 ? 'utf-8' : bigEndian ? 'utf-16be' : 'utf-16le';
}
