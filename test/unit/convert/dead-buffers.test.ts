import { afterEach, describe, expect, it, vi } from 'vitest';
import { freeDeadBuffers } from '../../../src/convert/dead-buffers.js';

const MIB = 1024 * 1024;

function withBuffersOf(external: number) {
  const gc = vi.fn();
  vi.stubGlobal('gc', gc);
  vi.spyOn(process, 'memoryUsage').mockReturnValue({ rss: 0, heapTotal: 0, heapUsed: 0, arrayBuffers: 0, external });
  return gc;
}

describe('freeing dead buffers', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  it('looks at the young ones alone once a photograph has left its pixels', () => {
    const gc = withBuffersOf(14 * MIB);
    freeDeadBuffers();
    expect(gc.mock.calls).toEqual([[{ type: 'minor', execution: 'sync' }]]);
  });

  it('is left to V8 while what a small picture left is little', () => {
    const gc = withBuffersOf(7 * MIB);
    freeDeadBuffers();
    expect(gc).not.toHaveBeenCalled();
  });

  it('is nobody’s business where the process was not given the means', () => {
    withBuffersOf(14 * MIB);
    vi.stubGlobal('gc', undefined);
    expect(freeDeadBuffers).not.toThrow();
  });
});
