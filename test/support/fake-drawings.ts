// The use cases of drawn pictures in memory, for tests of the HTTP edge: whatever the recipe, a source is drawn as it is, as JPEG.
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { type Digest, digestOf } from '../../src/kernel/digest.js';
import type { Context } from '../../src/kernel/image-key.js';
import type { DrawnSource } from '../../src/kernel/ports/derivatives.js';
import type { Recipe } from '../../src/kernel/recipe/recipe.js';
import type { Drawings, DrawingTerms, DrawnFrom, DrawnPicture, Upload } from '../../src/previews/answers.js';
import { sourceInfo } from './records.js';
import { withTempDir } from './temp-dir.js';

export class FakeDrawings implements Drawings {
  /** `failing` throws where the next use case is to fail. */
  constructor(private readonly failing: () => void) {}

  async drawUpload(context: Context, upload: Upload): Promise<DrawnPicture> {
    this.failing();
    const { held } = upload;
    const path = held ? join(tmpdir(), `${randomUUID()}.held`) : upload.path;
    await held?.placeAt(path);
    held?.release();
    const bytes = await readFile(path);
    await rm(path);
    return this.drawBytes(context, bytes);
  }

  async drawBytes(
    _context: Context,
    source: Uint8Array,
    _recipe?: Recipe,
    _terms?: DrawingTerms,
  ): Promise<DrawnPicture> {
    const { data, info } = await sharp(source).jpeg().toBuffer({ resolveWithObject: true });
    const [widthPx, heightPx] = [info.width, info.height];
    const picture = { type: 'jpg' as const, bytes: data.length, digest: digestOf(data), widthPx, heightPx };
    return { picture, bytes: data, from: 'made', known: unknownSource() };
  }

  /** What was forgotten, the first first. */
  readonly forgotten: string[] = [];

  async forget(context: Context, content: Digest): Promise<void> {
    this.forgotten.push(`${context} ${content}`);
  }

  async drawnOfTag(): Promise<undefined> {}

  async knownOfTag(): Promise<undefined> {}

  async keptOf(): Promise<undefined> {}

  async find(): Promise<undefined> {}

  async inspectUpload(): Promise<DrawnSource> {
    return unknownSource();
  }

  drawFrom(context: Context, { copyTo }: DrawnFrom): Promise<DrawnPicture> {
    return withTempDir(async (dir) => {
      const path = join(dir, 'source');
      if (!(await copyTo(path))) throw new Error('expected an original, got none');
      return this.drawBytes(context, await readFile(path));
    });
  }

  async drawKept(): Promise<DrawnPicture> {
    throw new Error('expected nothing to be drawn of kept sources here');
  }
}

/** Whatever it is. */
function unknownSource(): DrawnSource {
  return { metadata: {}, info: sourceInfo() };
}
