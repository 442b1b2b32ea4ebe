// The multipart/form-data answer (RFC 7578) of the ...AndMetadata operations: a part `image` and a part `metadata`. Pure.
import { createHash } from 'node:crypto';
import type { PreviewType } from '../../kernel/format.js';
import type { PreviewChoice } from '../../previews/answers.js';
import type { HeaderPairs } from './headers.js';
import { MEDIA_TYPES, matchHeader } from './image-response.js';

const FILE_EXTENSIONS = {
  jpg: 'jpg',
  png: 'png',
  webp: 'webp',
  avif: 'avif',
  gif: 'gif',
} as const satisfies Record<PreviewType, string>;

/** The answer around the image bytes: what is sent before and after them, and the headers for all three. */
export interface ImageAndMetadata {
  readonly headers: HeaderPairs;
  readonly before: Buffer;
  readonly after: Buffer;
  /** A strong entity tag with its quotes: equal tags are equal answers, byte for byte. */
  readonly etag: string;
}

/**
 * Wraps the preview of `choice` and the metadata text. The boundary comes from a digest over both, so that equal answers
 * are equal bytes, and nobody can put it into an image beforehand.
 */
export function imageAndMetadata(choice: PreviewChoice, metadataJson: string, cacheControl: string): ImageAndMetadata {
  const identity = createHash('sha256').update(choice.preview.digest).update(metadataJson).digest('hex');
  const boundary = `proofsheet-${identity.slice(0, 40)}`;
  const type = choice.preview.type;
  const before = Buffer.from(
    `--${boundary}\r\n` +
      `Content-Disposition: form-data; name="image"; filename="preview.${FILE_EXTENSIONS[type]}"\r\n` +
      `Content-Type: ${MEDIA_TYPES[type]}\r\n\r\n`,
  );
  const after = Buffer.from(
    `\r\n--${boundary}\r\n` +
      'Content-Disposition: form-data; name="metadata"\r\n' +
      'Content-Type: application/json\r\n\r\n' +
      `${metadataJson}\r\n--${boundary}--\r\n`,
  );
  const etag = `"${identity}"`;
  return {
    before,
    after,
    etag,
    headers: [
      ['Content-Type', `multipart/form-data; boundary=${boundary}`],
      ['Content-Length', String(before.length + choice.preview.bytes + after.length)],
      ['ETag', etag],
      ['Cache-Control', cacheControl],
      ['X-Proofsheet-Match', matchHeader(choice)],
      ['X-Content-Type-Options', 'nosniff'],
    ],
  };
}
