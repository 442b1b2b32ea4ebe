// Which pages of a source the formats of a conversion ask for: one decode each, the one that somebody waits for first.
import type { Format } from '../kernel/format.js';
import { pageOf, type SourceInfo } from '../kernel/source.js';

export interface PageAsked {
  /** From 1; the source has it. */
  readonly page: number;
  /** At least one. */
  readonly formats: readonly Format[];
  /** The format that somebody waits for, with the page that answers it. */
  readonly wanted: Format | undefined;
}

/** `formats` by the page that each shows. Of a wanted page that is not made, the first of all answers. */
export function pagesAsked(info: SourceInfo, formats: readonly Format[], wanted: Format | undefined): PageAsked[] {
  const byPage = new Map<number, Format[]>();
  for (const format of formats) {
    const page = pageOf(info, format.page);
    byPage.set(page, [...(byPage.get(page) ?? []), format]);
  }
  const pages = [...byPage.keys()].sort((a, b) => a - b);
  const wantedPage = wanted && pageOf(info, wanted.page);
  const first = pages.find((page) => page === wantedPage) ?? pages[0];
  const order = [...pages.filter((page) => page === first), ...pages.filter((page) => page !== first)];
  return order.map((page) => ({
    page,
    formats: byPage.get(page) ?? [],
    wanted: page === first ? wanted : undefined,
  }));
}
