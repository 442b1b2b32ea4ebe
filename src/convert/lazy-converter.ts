// A converter whose children are started when the first conversion comes: for work that many servers never have.
import type { Conversion, ConversionJob, Converter, MadePreview, WantedReady } from '../kernel/ports/converter.js';

export class LazyConverter implements Converter {
  private opened: Converter | undefined;

  constructor(private readonly open: () => Converter) {}

  convert(job: ConversionJob, onWanted?: WantedReady, signal?: AbortSignal): Promise<Conversion> {
    this.opened ??= this.open();
    return this.opened.convert(job, onWanted, signal);
  }

  distrust(preview: MadePreview): void {
    this.opened?.distrust(preview);
  }

  async close(): Promise<void> {
    await this.opened?.close();
  }
}
