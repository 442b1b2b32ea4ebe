// The use case of exact formats: of a cached image what a format asks for, where best match would answer with what is there. A preview
// of the sequence where that is the same picture, else drawn of the kept source and kept beside the previews (drawings.ts).
import { randomUUID } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ProofsheetError } from '../kernel/errors.js';
import type { Format } from '../kernel/format.js';
import type { GroupRef } from '../kernel/image-key.js';
import type { Catalog } from '../kernel/ports/catalog.js';
import { recipeOfFormat } from '../kernel/recipe/recipe.js';
import { type CatalogEntry, recordFor } from '../kernel/source.js';
import type { AccessJournal } from './access-journal.js';
import type { Drawings, ExactPictures, PreviewChoice, Previews, Upload } from './answers.js';
import { linkOrCopy } from './making.js';
import { type ContentGuard, guardedFind } from './takedown/content-guard.js';

export interface ExactPicturesDeps {
  readonly catalog: Pick<Catalog, 'find' | 'removeGroup'>;
  /** Keeps out what was taken down; absent where nothing can be. */
  readonly guard?: ContentGuard;
  readonly previews: Pick<Previews, 'cacheAndChoose'>;
  readonly drawings: Drawings;
  readonly journal: AccessJournal;
  /** Of the sequence whose previews are the record's own here. */
  readonly sequenceId: string;
}

export class ExactPictureService implements ExactPictures {
  constructor(private readonly deps: ExactPicturesDeps) {}

  async choose(ref: GroupRef, request: Format): Promise<PreviewChoice> {
    const entry = await guardedFind(this.deps.guard, this.deps.catalog, ref);
    if (entry === undefined)
      throw new ProofsheetError(
        'unknown-image-key',
        'no image is cached under this key in this context; upload it first',
      );
    this.deps.journal.note(entry.group);
    return this.drawn(entry, request);
  }

  async atHand(ref: GroupRef, request: Format): Promise<PreviewChoice | undefined> {
    try {
      return await this.choose(ref, request);
    } catch (error) {
      if (error instanceof ProofsheetError && error.code === 'unknown-image-key') return undefined;
      throw error;
    }
  }

  async cacheAndChoose(ref: GroupRef, request: Format, upload: Upload): Promise<PreviewChoice> {
    // Bytes stay as long as they are held.
    if (upload.content) return this.made(ref, request, upload, upload);
    // A file is gone once its previews are made, and what is made of it may not be kept.
    const atHand = { ...upload, path: join(dirname(upload.path), `${randomUUID()}.exact`) };
    try {
      await linkOrCopy(upload.path, atHand.path);
      return await this.made(ref, request, upload, atHand);
    } finally {
      // The upload's own file too, which nobody has removed where there was no room for a copy.
      for (const path of [atHand.path, upload.path]) unlink(path).catch(() => undefined);
    }
  }

  private async made(ref: GroupRef, request: Format, upload: Upload, atHand: Upload): Promise<PreviewChoice> {
    const { entry } = await this.deps.previews.cacheAndChoose(ref, request, upload);
    return this.drawn(entry, request, atHand);
  }

  private async drawn(entry: CatalogEntry, request: Format, atHand?: Upload): Promise<PreviewChoice> {
    const { drawings, sequenceId } = this.deps;
    const record = recordFor(entry.source, sequenceId);
    const place = { priority: 'instant', context: entry.group.context } as const;
    const { picture, bytes, from } = await drawings.drawKept(
      record,
      recipeOfFormat(request, record.info),
      place,
      atHand,
    );
    const { group } = entry;
    return {
      entry,
      preview: { ...picture, formats: [] },
      format: request,
      relation: 'exact',
      request,
      part: { bytes, from, isDrawn: true, again: () => this.choose(group, request) },
    };
  }
}
