// Pictures that lie in an SVG as text: which may stay, and how large they are before anybody decodes them.

/** The types that the renderer draws. Others, SVG above all, are left out: they would have to be made safe too. */
const PICTURE = /^\s*data:image\/(png|jpe?g)(?:;[\w.=+-]+)*;base64,/i;
/** Everything that begins a frame of a JPEG (ITU-T T.81, table B.1). */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/**
 * The reference as every decoder of base64 reads it: digits and padding alone, since each passes over other characters in its own
 * way. `undefined` for what is no such picture.
 */
export function plainPicture(reference: string): string | undefined {
  const [prefix, type = ''] = PICTURE.exec(reference) ?? [];
  if (prefix === undefined) return undefined;
  const digits = reference.slice(prefix.length).replace(/[^A-Za-z0-9+/]/g, '');
  // A single digit left over is no byte.
  const whole = digits.length % 4 === 1 ? digits.slice(0, -1) : digits;
  const plain = `data:image/${type.toLowerCase()};base64,${whole.padEnd(Math.ceil(whole.length / 4) * 4, '=')}`;
  return embeddedPicturePixels(plain) === undefined ? undefined : plain;
}

/** Width times height by the header; `undefined` for what is no such picture. */
export function embeddedPicturePixels(reference: string): number | undefined {
  const [prefix, type = ''] = PICTURE.exec(reference) ?? [];
  if (prefix === undefined) return undefined;
  const bytes = Buffer.from(reference.slice(prefix.length), 'base64');
  return type.toLowerCase() === 'png' ? pngPixels(bytes) : jpegPixels(bytes);
}

function pngPixels(bytes: Buffer): number | undefined {
  if (bytes.length < 24 || bytes.toString('latin1', 1, 4) !== 'PNG') return undefined;
  return bytes.readUInt32BE(16) * bytes.readUInt32BE(20);
}

function jpegPixels(bytes: Buffer): number | undefined {
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== 0xffd8) return undefined;
  for (let at = 2; at + 9 <= bytes.length; ) {
    const marker = bytes[at + 1] ?? 0;
    if (bytes[at] !== 0xff) return undefined;
    if (isFrame(marker)) return bytes.readUInt16BE(at + 5) * bytes.readUInt16BE(at + 7);
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}
