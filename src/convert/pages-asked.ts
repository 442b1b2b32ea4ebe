// Which pages of a source the formats of a conversion ask for: one decode each, the one that somebody waits for first.
import type { Format } from '../kernel/format.js';
import { formatsAnswering } from '../kernel/on-demand.js';
import { pageOf, type SourceInfo } from '../kernel/source.js';
import type { JobMessage } from './protocol.js';

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

/** `job`, with all but the wanted preview left out where that is all that is asked for: as far as its type can be told before its pixels are. */
export function askedOf<J extends Pick<JobMessage, 'formats' | 'made' | 'wanted' | 'wantedOnly'>>(
  info: SourceInfo,
  job: J,
): J {
  const { formats, wanted, wantedOnly } = job;
  if (!wanted || !wantedOnly) return job;
  const answering = new Set(formatsAnswering(info, info.hasAlpha, formats, wanted).map(({ text }) => text));
  const others = formats.map(({ text }) => text).filter((text) => !answering.has(text));
  return { ...job, made: others };
}
