// A source's own coded picture without anything beside it: what a preview at the source's own size is when no re-encoding is
// smaller. Every byte of it is accounted for: tables, coded pixels, and nothing behind them.
import type { PreviewType } from '../../kernel/format.js';
import type { SourceType } from '../../kernel/source.js';
import type { Encoded } from '../encoded.js';
import type { SourceFile } from '../source-file.js';
import { plainAvif } from './plain-avif.js';
import { plainGif } from './plain-gif.js';
import { plainJpeg } from './plain-jpeg.js';
import { plainPng } from './plain-png.js';
import { plainWebp } from './plain-webp.js';

/** How each type that browsers show is freed of what is not its picture; `undefined` from one where that cannot be told, or is of `mostBytes` or more. */
const PLAIN: Partial<
  Readonly<
    Record<
      SourceType,
      { readonly type: PreviewType; readonly of: (bytes: Buffer, mostBytes: number) => Buffer | undefined }
    >
  >
> = {
  jpeg: { type: 'jpg', of: plainJpeg },
  png: { type: 'png', of: plainPng },
  gif: { type: 'gif', of: plainGif },
  webp: { type: 'webp', of: plainWebp },
  avif: { type: 'avif', of: plainAvif },
};

/**
 * `undefined` where the bytes alone would not look as the preview does (a profile, another orientation, more than 8 bits), or where
 * they cannot be told apart from what else the file holds, or are not fewer than `mostBytes`. To be asked after the file has been
 * decoded strictly.
 */
export function ownPicture(
  { info, codedAs, header, reading, pixels, bytes }: SourceFile,
  mostBytes = Number.POSITIVE_INFINITY,
): Encoded | undefined {
  const isPlain = reading === undefined && pixels === undefined && header.icc === undefined && info.orientation === 1;
  if (!isPlain || info.type !== codedAs || info.bitsPerSample > 8) return undefined;
  if (info.colorSpace !== 'srgb' && info.colorSpace !== 'b-w') return undefined;
  const plain = PLAIN[info.type];
  const own = plain?.of(bytes, mostBytes);
  return plain && own && own.length < mostBytes ? { type: plain.type, bytes: own } : undefined;
}
