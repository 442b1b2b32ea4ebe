// The use case of types by Accept: a JPEG that was made because no type was asked for, as AVIF or WebP where the client takes that and
// it is smaller at the same likeness. Made after the first answer, when nobody waits for anything; until then, and where it is larger
// or cannot be made, the JPEG answers.
import type { Format } from '../kernel/format.js';
import type { NegotiatedType } from '../kernel/negotiation.js';
import type { Logger } from '../kernel/ports/logger.js';
import { recipeOfFormat } from '../kernel/recipe/recipe.js';
import type { Drawings, NegotiatedChoice, PreviewChoice, Variants } from './answers.js';
import type { BackgroundWork } from './background-work.js';
import { Recent } from './zoom/recent.js';

export interface VariantsDeps {
  readonly drawings: Drawings;
  readonly background: BackgroundWork;
  readonly logger: Logger;
  readonly types: readonly NegotiatedType[];
}

/** Made or waited for at once: the queue is for those who wait. What finds no place is asked for again by the next answer. */
const MAX_PENDING = 8;
/** Remembered as what cannot be made. */
const MAX_HOPELESS = 10_000;
/**
 * What is no worse than JPEG at its default by SSIM (to 0.0005): of 8 photographs at 200 and 800 pixels, AVIF in all 16, at 54 to 91 % of
 * the bytes (60 was in 8 of them), WebP in 15, at 64 to 115 % (75 was in 6), where the JPEG answers if it is smaller. Of other
 * qualities of the JPEG nothing was measured, so that nothing is negotiated.
 */
const QUALITIES = { avif: 65, webp: 80 } as const satisfies Record<NegotiatedType, number>;

export class VariantService implements Variants {
  private readonly pending = new Set<string>();
  private readonly hopeless = new Recent<string, true>(MAX_HOPELESS);

  constructor(private readonly deps: VariantsDeps) {}

  get types(): readonly NegotiatedType[] {
    return this.deps.types;
  }

  async smallest(choice: PreviewChoice, accepted: readonly NegotiatedType[]): Promise<NegotiatedChoice | undefined> {
    const { entry, preview, request, format } = choice;
    if (request.type !== 'auto' || format.type !== 'auto' || format.quality !== undefined) return undefined;
    if (preview.type !== 'jpg' || !entry.source.complete) return undefined;
    let smallest = choice;
    let isSettled = true;
    for (const type of accepted) {
      const variant = await this.variantOf(choice, type);
      if (variant === 'pending') isSettled = false;
      else if (variant !== undefined && variant.preview.bytes < smallest.preview.bytes) smallest = variant;
    }
    return { choice: smallest, isSettled };
  }

  private async variantOf(choice: PreviewChoice, type: NegotiatedType): Promise<PreviewChoice | 'pending' | undefined> {
    const { source } = choice.entry;
    const key = `${source.digest} ${choice.format.text} ${type}`;
    if (this.hopeless.get(key)) return undefined;
    const recipe = recipeOfFormat(withType(choice.format, type), source.info);
    const found = await this.deps.drawings.keptOf(source, recipe);
    if (found === undefined) {
      if (!source.sourceKept) return undefined;
      this.make(key, choice, type);
      return 'pending';
    }
    const { picture, bytes, from } = found;
    const variant: PreviewChoice = {
      ...choice,
      preview: { ...picture, formats: [] },
      part: { bytes, from, isDrawn: true, again: async () => variant },
    };
    return variant;
  }

  private make(key: string, { entry, format }: PreviewChoice, type: NegotiatedType): void {
    if (this.pending.has(key) || this.pending.size >= MAX_PENDING) return;
    this.pending.add(key);
    const { drawings, background, logger } = this.deps;
    const begun = background.run('make a variant', async () => {
      try {
        const recipe = recipeOfFormat(withType(format, type), entry.source.info);
        await drawings.drawKept(entry.source, recipe, { priority: 'background', context: entry.group.context });
      } catch (error) {
        this.hopeless.set(key, true);
        logger.debug({ error }, 'a variant could not be made');
      } finally {
        this.pending.delete(key);
      }
    });
    if (!begun) this.pending.delete(key);
  }
}

function withType(format: Format, type: NegotiatedType): Format {
  return { ...format, type, quality: QUALITIES[type] };
}
