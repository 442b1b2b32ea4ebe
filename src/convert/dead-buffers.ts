// Frees the pixels of conversions that have ended before V8 goes about it itself, which costs far more. Needs --expose-gc.

/**
 * What buffers may take beside the heap, dead or alive, until it is looked whether they are still needed, in bytes. V8 marks its whole
 * heap, on all its threads, whenever that has grown by 64 MiB: after two or three photographs, and for a tenth of the processor
 * time of their conversions (64 to 57 ms for one of 1600x1200). The pixels are all young: looking at those takes a fifth of a millisecond.
 */
const MAX_BUFFER_BYTES = 8 * 1024 * 1024;

/** To be called between two conversions, when nobody waits. */
export function freeDeadBuffers(): void {
  if (process.memoryUsage().external > MAX_BUFFER_BYTES) globalThis.gc?.({ type: 'minor', execution: 'sync' });
}
