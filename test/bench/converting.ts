// Conversions one after the other on several connections: sources of mixed sizes and types, none of them seen before.
import { image, photo, screenshot } from '../support/images.js';
import { newJpeg } from './corpus.js';
import type { Ours } from './ours.js';
import { formOf, upload } from './uploads.js';

/** JPEGs from icons to small photographs, as they come in mails; mean 0.5 MP. */
const SIZES = [
  [64, 48],
  [320, 240],
  [640, 480],
  [800, 600],
  [480, 1200],
  [1600, 900],
] as const;

/** Makes the pictures that `Conversions` varies. */
export async function mixedJpegs(): Promise<readonly Buffer[]> {
  const made: Buffer[] = [];
  for (const [index, [widthPx, heightPx]] of SIZES.entries()) {
    const pixels = index % 3 === 2 ? screenshot(widthPx, heightPx) : await photo(widthPx, heightPx, index);
    made.push(await image(pixels).jpeg({ quality: 85 }).toBuffer());
  }
  return made;
}

export class Conversions {
  private begun = 0;

  constructor(
    private readonly ours: Ours,
    private readonly jpegs: readonly Buffer[],
  ) {}

  /** Uploads new sources, `atOnce` at a time, until `isDone(ended)`; resolves with how many ended. */
  async run(atOnce: number, isDone: (ended: number) => boolean): Promise<number> {
    let ended = 0;
    const client = async (): Promise<void> => {
      while (!isDone(ended)) {
        const number = this.begun++;
        const source = newJpeg(this.jpegs[number % this.jpegs.length] ?? Buffer.alloc(0), `source ${number}`);
        await upload(this.ours, `cacheImage/source-${number}`, formOf(source));
        ended++;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, client));
    return ended;
  }
}
