// Names that clients give to sources, so that they need not send what was sent before: each within one context, and worth as much as
// whoever gives it says. Told by a digest, so that no store holds a client's words.
import { type Digest, digestOf } from '../kernel/digest.js';
import { ProofsheetError } from '../kernel/errors.js';
import type { Context } from '../kernel/image-key.js';
import type { Derivatives } from '../kernel/ports/derivatives.js';
import { isUnreachable, unlessUnreachable } from './unreachable.js';

export class SourceTags {
  constructor(private readonly derivatives: Pick<Derivatives, 'noteTag' | 'tagged'>) {}

  /** The source that `tag` was last given to. */
  sourceOf(context: Context, tag: string): Promise<Digest | undefined> {
    return unlessUnreachable(this.derivatives.tagged(nameOf(context, tag)));
  }

  /** A store that is away or full is no reason not to answer: then the source is sent again. */
  async note(context: Context, tag: string, source: Digest): Promise<void> {
    try {
      if ((await this.sourceOf(context, tag)) === source) return;
      await this.derivatives.noteTag(nameOf(context, tag), source);
    } catch (error) {
      if (!isUnreachable(error) && !(error instanceof ProofsheetError && error.code === 'storage-full')) throw error;
    }
  }
}

/** Unlike any digest of a source; neither part can be written so that it ends where the other begins. */
function nameOf(context: Context, tag: string): Digest {
  return digestOf(Buffer.from(`a client's name\n${JSON.stringify([context, tag])}`));
}
