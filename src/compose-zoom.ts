// What deep zoom takes of a server: the use cases, and a converter of its own, so that a picture of a gigapixel holds up no preview.
import type { Config } from './config/schema.js';
import { createConverter } from './convert/converter-pool.js';
import { LazyConverter } from './convert/lazy-converter.js';
import type { Converter } from './kernel/ports/converter.js';
import type { Logger } from './kernel/ports/logger.js';
import type { Metrics } from './kernel/ports/metrics.js';
import type { Originals } from './kernel/ports/originals.js';
import type { Zoom } from './previews/zoom/answers.js';
import { openZoom, type ZoomParts } from './previews/zoom/open-zoom.js';

/** Pyramids that may wait for their turn: each is asked for by somebody who is told to come again. */
const MAX_WAITING = 1_000;
/** As far back as the system lets: a pyramid takes what nobody else needs. */
const NICENESS = 19;

export interface ComposedZoom {
  readonly zoom: Zoom;
  /** From now on tiles of what the cache has lost are made of originals. */
  useOriginals(originals: Pick<Originals, 'copyTo'>): void;
  readonly converter: Converter;
}

/** No process is started before somebody zooms. The converter is the caller's to close. */
export function composeZoom(
  config: Config,
  parts: Omit<ZoomParts, 'pyramids'> & { readonly logger: Logger },
): ComposedZoom {
  const { zoom, shared } = config;
  const { logger, clock, metrics } = parts;
  const telling = { logger, clock, metrics: withoutGauges(metrics) };
  const pyramids = new LazyConverter(() => pyramidConverterOf(config, telling));
  let originals: Pick<Originals, 'copyTo'> | undefined;
  const opened = openZoom(
    { ...parts, pyramids, copyOriginal: async (digest, path) => (await originals?.copyTo(digest, path)) ?? false },
    { waitMs: zoom.waitMs, leaseTtlMs: shared.leaseTtlMs },
  );
  return {
    zoom: opened,
    converter: pyramids,
    useOriginals(given) {
      originals = given;
    },
  };
}

/** One child, which reads large sources by their path. */
export function pyramidConverterOf(
  { limits, zoom, sequence, storage, shared }: Config,
  telling: Pick<ZoomParts, 'clock' | 'metrics'> & { readonly logger: Logger },
): Converter {
  return createConverter({
    children: 1,
    sourceTypes: limits.sourceTypes,
    maxSourcePixels: zoom.pyramidMaxPixels,
    maxPages: limits.maxPages,
    auto: sequence.auto,
    timeoutMs: zoom.pyramidTimeoutMs,
    memoryBudgetBytes: zoom.pyramidMemoryBytes,
    maxQueue: MAX_WAITING,
    niceness: NICENESS,
    flush: storage.fsync && shared.redisUrl === undefined,
    streams: true,
    ...telling,
  });
}

/** What is told of previews' converters stays theirs: a pyramid's minutes would hide their milliseconds. */
function withoutGauges(metrics: Metrics): Metrics {
  return {
    count: (name, labels, by) => metrics.count(name, labels, by),
    observe: () => undefined,
    gauge: () => undefined,
  };
}
