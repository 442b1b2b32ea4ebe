// The pyramids that a source's record keeps, one a page: how they are found, added and carried over. Pure.
import type { PagePyramid, Pyramid } from './pyramid-index.js';

/** What a record has of them. */
export interface KeptPyramids {
  readonly pyramid?: Pyramid;
  /** Of other pages than the first; the latest last. */
  readonly pagePyramids?: readonly PagePyramid[];
}

/** Pages beside the first whose pyramids a record names: every find reads them, some 200 bytes each. Of more, the oldest go. */
export const MAX_PAGE_PYRAMIDS = 32;

/** All of them, that of the first page first. */
export function pyramidsOf({ pyramid, pagePyramids = [] }: KeptPyramids): readonly Pyramid[] {
  return pyramid ? [pyramid, ...pagePyramids] : pagePyramids;
}

/** That of `page`, from 1. */
export function pyramidOfPage({ pyramid, pagePyramids = [] }: KeptPyramids, page: number): Pyramid | undefined {
  return page === 1 ? pyramid : pagePyramids.find((of) => of.page === page);
}

/** The record with the pyramid of a page, in place of one of the same page. */
export function withPyramid<R extends KeptPyramids>(record: R, { page, ...pyramid }: PagePyramid): R {
  if (page === 1) return { ...record, pyramid };
  const others = (record.pagePyramids ?? []).filter((of) => of.page !== page);
  return { ...record, pagePyramids: [...others, { page, ...pyramid }].slice(-MAX_PAGE_PYRAMIDS) };
}

/** `record` with the pyramids of `standing` in place of its own, of those alone that `isStored`. */
export function keepingPyramids<R extends KeptPyramids>(
  record: R,
  standing: KeptPyramids | undefined,
  isStored: (pyramid: Pyramid) => boolean,
): Omit<R, keyof KeptPyramids> & KeptPyramids {
  const { pyramid: _, pagePyramids: __, ...rest } = record;
  const pages = standing?.pagePyramids?.filter(isStored) ?? [];
  return {
    ...rest,
    ...(standing?.pyramid && isStored(standing.pyramid) && { pyramid: standing.pyramid }),
    ...(pages.length > 0 && { pagePyramids: pages }),
  };
}
