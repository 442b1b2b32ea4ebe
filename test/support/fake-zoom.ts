// Zooming in memory, for tests of the HTTP edge: every tile and region is one colour, of the size that is asked for.
import sharp from 'sharp';
import { ProofsheetError } from '../../src/kernel/errors.js';
import { parseFormat } from '../../src/kernel/format.js';
import type { GroupRef } from '../../src/kernel/image-key.js';
import type { Size } from '../../src/kernel/sizes.js';
import type { ImageFormat, ImageRequest } from '../../src/kernel/zoom/image-request.js';
import { type TilePlace, tileRect } from '../../src/kernel/zoom/pyramid.js';
import type { PreviewChoice } from '../../src/previews/answers.js';
import type { Zoom, ZoomPicture } from '../../src/previews/zoom/answers.js';
import type { FakePreviews } from './fake-previews.js';

export class FakeZoom implements Zoom {
  constructor(private readonly previews: FakePreviews) {}

  async picture(ref: GroupRef): Promise<ZoomPicture> {
    const entry = this.previews.entry(ref);
    const { widthPx, heightPx } = entry.source.info;
    return { entry, page: 1, pages: 1, size: { widthPx, heightPx }, tileType: 'jpg' };
  }

  async pages(ref: GroupRef): Promise<readonly ZoomPicture[]> {
    return [await this.picture(ref)];
  }

  async prepare(ref: GroupRef): Promise<void> {
    await this.picture(ref);
  }

  async tile(ref: GroupRef, place: TilePlace, type = 'jpg'): Promise<PreviewChoice> {
    const picture = await this.picture(ref);
    if (type !== 'jpg') throw new ProofsheetError('unknown-image-key', 'this image has no such tile');
    const rect = tileRect(picture.size, place);
    if (rect === undefined) throw new ProofsheetError('unknown-image-key', 'this image has no such tile');
    return this.drawn(picture, rect, 'jpg');
  }

  async region(ref: GroupRef, resolve: (size: Size) => ImageRequest): Promise<PreviewChoice> {
    const picture = await this.picture(ref);
    const { size, format } = resolve(picture.size);
    return this.drawn(picture, size, format);
  }

  private async drawn({ entry }: ZoomPicture, { widthPx, heightPx }: Size, type: ImageFormat): Promise<PreviewChoice> {
    const create = { width: widthPx, height: heightPx, channels: 3, background: '#336699' } as const;
    const image = sharp({ create });
    const bytes = await (type === 'jpg' ? image.jpeg() : image.toFormat(type)).toBuffer();
    const digest = this.previews.keep(bytes);
    const format = parseFormat(`${type}:${widthPx}x${heightPx}`);
    const preview = { formats: [], type, widthPx, heightPx, bytes: bytes.length, digest };
    const again = (): Promise<PreviewChoice> => Promise.reject(new Error('expected bytes that are kept'));
    return { entry, preview, format, relation: 'exact', request: format, part: { again } };
  }
}
