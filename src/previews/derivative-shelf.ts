// Keeps what is drawn for those who zoom beside the pictures on demand, under names of its own, within the same bound.
import type { Digest } from '../kernel/digest.js';
import { ProofsheetError } from '../kernel/errors.js';
import { DERIVATIVE_ENTRY_BYTES, type Derivative, type Derivatives } from '../kernel/ports/derivatives.js';
import { isUnreachable, unlessUnreachable } from './unreachable.js';

export interface KeptPicture {
  readonly picture: Derivative;
  readonly bytes: Buffer;
}

export class DerivativeShelf {
  /** `onStored`: of everything that is stored, so that the bound is looked after in time. */
  constructor(
    private readonly derivatives: Derivatives,
    private readonly onStored: (bytes: number) => void,
  ) {}

  /** `undefined` where it is not kept, or its bytes are lost. */
  async find(source: Digest, name: Digest): Promise<KeptPicture | undefined> {
    const picture = await unlessUnreachable(this.derivatives.find(source, name));
    const bytes = picture && (await unlessUnreachable(this.derivatives.read(picture)));
    return picture && bytes && { picture, bytes };
  }

  /** Stores the bytes. A store that is away or full is no reason not to answer. */
  async keep(source: Digest, name: Digest, picture: Derivative, bytes: Buffer): Promise<void> {
    try {
      await this.derivatives.put(source, name, picture, bytes);
    } catch (error) {
      if (isUnreachable(error) || (error instanceof ProofsheetError && error.code === 'storage-full')) return;
      throw error;
    }
    this.onStored(picture.bytes + DERIVATIVE_ENTRY_BYTES);
  }
}
