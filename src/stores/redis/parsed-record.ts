// A source's record as it comes from Redis, looked at field by field: whoever can write to the server can write anything, and what
// is named, drawn or sent by it later has to be what its type says.
import { FORMAT_TYPES, parseFormat } from '../../kernel/format.js';
import type { Derivative, DrawnSource } from '../../kernel/ports/derivatives.js';
import { type Metadata, type Preview, SOURCE_TYPES, type SourceInfo, type SourceRecord } from '../../kernel/source.js';
import { TILE_TYPES } from '../../kernel/zoom/pyramid.js';
import type { Pyramid } from '../../kernel/zoom/pyramid-index.js';
import {
  digestIn,
  type Fields,
  fieldsOf,
  flagIn,
  listIn,
  oneOf,
  optionalIn,
  textIn,
  wholeIn,
  wrong,
} from './record-fields.js';

const PREVIEW_TYPES = FORMAT_TYPES.filter((type) => type !== 'auto');

/** The record in `body`, with nothing else; `undefined` for anything that is not wholly one. */
export function parsedRecord(body: string): Omit<SourceRecord, 'sourceKept'> | undefined {
  try {
    return recordOf(fieldsOf(JSON.parse(body)));
  } catch {
    // No JSON, a field that is none of its kind, or a format that does not parse: damaged, and told so by the caller.
    return undefined;
  }
}

function recordOf(given: Fields): Omit<SourceRecord, 'sourceKept'> {
  return {
    digest: digestIn(given.digest),
    ...(given.contentDigest !== undefined && { contentDigest: digestIn(given.contentDigest) }),
    bytes: wholeIn(given.bytes, 0),
    info: infoOf(fieldsOf(given.info)),
    metadata: metadataOf(fieldsOf(given.metadata)),
    sequenceId: textIn(given.sequenceId),
    previews: listIn(given.previews).map((preview) => previewOf(fieldsOf(preview))),
    complete: flagIn(given.complete),
    ...(given.pyramid !== undefined && { pyramid: pyramidOf(fieldsOf(given.pyramid)) }),
    ...(given.pagePyramids !== undefined && {
      pagePyramids: listIn(given.pagePyramids).map((pyramid) => {
        const fields = fieldsOf(pyramid);
        return { page: wholeIn(fields.page, 2), ...pyramidOf(fields) };
      }),
    }),
    ...(given.onDemand !== undefined && flagIn(given.onDemand) && { onDemand: true }),
  };
}

/** What is known of a source of which pictures are drawn. */
export function drawnIn(value: unknown): DrawnSource {
  const given = fieldsOf(value);
  return {
    info: infoOf(fieldsOf(given.info)),
    metadata: metadataOf(fieldsOf(given.metadata)),
    ...optionalIn(given, 'base', derivativeIn),
  };
}

export function derivativeIn(value: unknown): Derivative {
  const given = fieldsOf(value);
  return {
    type: oneOf(PREVIEW_TYPES, given.type),
    widthPx: wholeIn(given.widthPx, 1),
    heightPx: wholeIn(given.heightPx, 1),
    bytes: wholeIn(given.bytes, 1),
    digest: digestIn(given.digest),
  };
}

function previewOf(given: Fields): Preview {
  const formats = listIn(given.formats).map(textIn);
  for (const format of formats) parseFormat(format);
  return {
    formats: formats.length > 0 ? formats : wrong(),
    type: oneOf(PREVIEW_TYPES, given.type),
    widthPx: wholeIn(given.widthPx, 1),
    heightPx: wholeIn(given.heightPx, 1),
    bytes: wholeIn(given.bytes, 1),
    digest: digestIn(given.digest),
    ...(given.sequenceId !== undefined && { sequenceId: textIn(given.sequenceId) }),
  };
}

function pyramidOf(given: Fields): Pyramid {
  return {
    digest: digestIn(given.digest),
    bytes: wholeIn(given.bytes, 1),
    indexDigest: digestIn(given.indexDigest),
    type: oneOf(TILE_TYPES, given.type),
  };
}

function infoOf(given: Fields): SourceInfo {
  return {
    type: oneOf(SOURCE_TYPES, given.type),
    widthPx: wholeIn(given.widthPx, 1),
    heightPx: wholeIn(given.heightPx, 1),
    orientation: oneOf([1, 2, 3, 4, 5, 6, 7, 8] as const, given.orientation),
    pages: wholeIn(given.pages, 1),
    animated: flagIn(given.animated),
    delaysMs: listIn(given.delaysMs).map((delay) => wholeIn(delay, 0)),
    loop: wholeIn(given.loop, 0),
    hasAlpha: flagIn(given.hasAlpha),
    channels: wholeIn(given.channels, 1),
    bitsPerSample: wholeIn(given.bitsPerSample, 1),
    colorSpace: textIn(given.colorSpace),
    progressive: flagIn(given.progressive),
  };
}

function metadataOf(given: Fields): Metadata {
  for (const group of Object.values(given)) for (const text of Object.values(fieldsOf(group))) textIn(text);
  // Every leaf was just seen to be a text.
  return given as Metadata;
}
