// The metadata answer of a group: the source's tag groups, the upload's file name, and our own facts.
import { safeGroups } from '../kernel/private-tags.js';
import {
  type CatalogEntry,
  contentDigestOf,
  type Metadata,
  ownPreviews,
  type SourceInfo,
  type SourceRecord,
} from '../kernel/source.js';
import type { GroupMetadata, Placeholder, SourceFacts } from './answers.js';

const COLOR_SPACES: Readonly<Record<string, string>> = {
  srgb: 'sRGB',
  rgb16: 'RGB 16',
  'b-w': 'Grey',
  grey16: 'Grey 16',
  cmyk: 'CMYK',
  lab: 'Lab',
};

/**
 * Metadata of `entry`; the file name is the group's own, since equal sources come under many names. The header is made from
 * the source's facts, so that records of earlier versions are told in today's words too.
 */
export function groupMetadata({ group, source }: CatalogEntry): GroupMetadata {
  const { Header: _earlier, File: file = {}, Place: place, Source: facts = {}, ...others } = source.metadata;
  const placeholder = placeholderOf(source);
  const named = group.fileName === undefined ? file : { 'File Name': group.fileName, ...file };
  return {
    groups: { Header: headerOf(source.info), File: named, ...others },
    proofsheet: {
      digest: `sha256:${contentDigestOf(source)}`,
      createdAt: new Date(group.createdAt).toISOString(),
      source: factsOf(source.info, facts),
      ...(Object.keys(placeholder).length > 0 && { placeholder }),
      ...(place && { place: placeOf(place) }),
      previews: ownPreviews(source).map((preview) => ({
        format: preview.formats,
        type: preview.type,
        width: preview.widthPx,
        height: preview.heightPx,
        bytes: preview.bytes,
        digest: `sha256:${preview.digest}`,
      })),
    },
  };
}

/** What of it may be told to anybody: nothing of places, people and serial numbers. */
export function safeMetadata({ groups, proofsheet: { place: _place, ...proofsheet } }: GroupMetadata): GroupMetadata {
  return { groups: safeGroups(groups), proofsheet };
}

/** As the original labels it. */
function headerOf({ widthPx, heightPx, type }: SourceInfo): Metadata[string] {
  return {
    'Header Pixel Width': String(widthPx),
    'Header Pixel Height': String(heightPx),
    'Header Format Name': type,
  };
}

/** What stands in for the picture until it is there; empty for a record of before, or one whose sequence is not complete. */
export function placeholderOf({ metadata }: Pick<SourceRecord, 'metadata'>): Placeholder {
  const { thumbhash, blurhash, dominantColor } = metadata.Source ?? {};
  return {
    ...(thumbhash !== undefined && { thumbhash }),
    ...(blurhash !== undefined && { blurhash }),
    ...(dominantColor !== undefined && { dominantColor }),
  };
}

/** Whether a limit has left all but the first page or frame out. */
export function isFirstAlone({ metadata }: Pick<SourceRecord, 'metadata'>): boolean {
  return metadata.Source?.shown !== undefined;
}

function factsOf(info: SourceInfo, { colorProfile, dynamicRange, durationMs, shown }: Metadata[string]): SourceFacts {
  return {
    orientation: info.orientation,
    hasAlpha: info.hasAlpha,
    pages: info.pages,
    ...(info.animated && { loop: info.loop }),
    ...(durationMs !== undefined && { durationMs: Number(durationMs) }),
    ...(colorProfile !== undefined && { colorProfile }),
    ...(dynamicRange !== undefined && { dynamicRange }),
    ...(shown !== undefined && { shown }),
    colorSpace: COLOR_SPACES[info.colorSpace] ?? info.colorSpace,
    channels: info.channels,
    bitsPerSample: info.bitsPerSample,
  };
}

function placeOf(place: Metadata[string]): Record<string, number> {
  return Object.fromEntries(Object.entries(place).map(([name, text]) => [name.toLowerCase(), Number(text)]));
}
