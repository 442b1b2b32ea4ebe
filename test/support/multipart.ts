// Multipart bodies as a test wants them: right ones by the form, wrong ones byte by byte.

export interface Part {
  /** Header lines without line ends; `Content-Disposition` usually is the first. */
  readonly headers: readonly string[];
  readonly body: Buffer | string;
}

export const BOUNDARY = 'test-boundary-7f3a';
export const FORM_TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

/** A part that is a file. */
export function filePart(name: string, fileName: string, body: Buffer | string, ...more: readonly string[]): Part {
  return {
    headers: [
      `Content-Disposition: form-data; name="${name}"; filename="${fileName}"`,
      'Content-Type: application/octet-stream',
      ...more,
    ],
    body,
  };
}

/** A part that is a text field. */
export function fieldPart(name: string, value: string): Part {
  return { headers: [`Content-Disposition: form-data; name="${name}"`], body: value };
}

/** The whole body; with `closed` false its closing boundary is missing. */
export function multipartBody(parts: readonly Part[], { closed = true, boundary = BOUNDARY } = {}): Buffer {
  const pieces: Buffer[] = [];
  for (const part of parts) {
    pieces.push(Buffer.from(`--${boundary}\r\n${part.headers.join('\r\n')}\r\n\r\n`));
    pieces.push(Buffer.from(part.body), Buffer.from('\r\n'));
  }
  if (closed) pieces.push(Buffer.from(`--${boundary}--\r\n`));
  return Buffer.concat(pieces);
}

/** The usual upload of one source. */
export function sourceForm(source: Buffer, fileName = 'photo.jpg', part = 'sourceImage'): FormData {
  const form = new FormData();
  form.append(part, new Blob([new Uint8Array(source)]), fileName);
  return form;
}
