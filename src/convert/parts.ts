// What one page of a source takes: how it is decoded for its previews, and what memory that costs. Nothing is decoded here.
import type { Format } from '../kernel/format.js';
import { type PlannedPreview, planSequence } from '../kernel/sequence.js';
import { areaOf } from '../kernel/sizes.js';
import type { SourceInfo } from '../kernel/source.js';
import { costOf, type DecodePlan, planDecode } from './decode-plan.js';
import type { SourceFile } from './source-file.js';
import { SOURCE_HANDLING } from './sources/registry.js';

/** One page of the source, and what is to be made of it. */
export interface Part {
  readonly source: SourceFile;
  readonly formats: readonly Format[];
  readonly wanted: Format | undefined;
  /** As if alpha that there is were used. */
  readonly assumed: readonly PlannedPreview[];
  readonly decode: DecodePlan;
}

/** `formats`, and the one of them that somebody waits for, on this page. */
export function planPart(source: SourceFile, formats: readonly Format[], wanted: Format | undefined): Part {
  const { info, bytes, reading } = source;
  const assumed = planSequence(info, info.hasAlpha, formats);
  const planned = planDecode(codedInfo(source), bytes.length, isLossless(source), assumed, reading);
  const decode: DecodePlan = source.pixels?.drawn ? { ...planned, kind: 'drawn', mayRepeat: false } : planned;
  return { source, formats, wanted, assumed, decode };
}

/** As it is told to the decoder's library. */
export function codedInfo({ info, codedAs }: SourceFile): SourceInfo {
  return info.type === codedAs ? info : { ...info, type: codedAs };
}

/** Bytes that the conversion of this page takes at most beside the bare process. */
export function costOfPart({ source, assumed, decode }: Part): number {
  const { pixels, bytes, codedAs, reading } = source;
  const beside = pixels === undefined ? (SOURCE_HANDLING[codedAs].decoderBytes?.(bytes) ?? 0) : 0;
  const cost = costOf(codedInfo(source), bytes.length, decode, assumed, reading) + beside;
  if (pixels === undefined) return cost;
  const size = pixels.drawn ? decode.largest : pixels.size;
  return cost + pixels.decoderBytes(size) + (areaOf(size) * pixels.channels * pixels.bits) / 8;
}

/** By the file as it is: whether its pixels are stored without loss. */
export function isLossless({ codedAs, header, bytes, pixels }: SourceFile): boolean {
  // How well the file is packed tells nothing of the pixels of another decoder.
  if (pixels) return false;
  if (codedAs === 'webp') return bytes.toString('latin1', 12, 16) === 'VP8L';
  return codedAs === 'png' || codedAs === 'gif' || (codedAs === 'tiff' && header.compression === undefined);
}
