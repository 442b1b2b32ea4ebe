// A converter with a span around each conversion, its wait for a child included.
import type { Conversion, ConversionJob, Converter, MadePreview, WantedReady } from '../kernel/ports/converter.js';
import type { Traces } from '../kernel/ports/traces.js';

export class TracedConverter implements Converter {
  constructor(
    private readonly converter: Converter,
    private readonly traces: Pick<Traces, 'within' | 'bind'>,
  ) {}

  convert(job: ConversionJob, onWanted?: WantedReady, signal?: AbortSignal): Promise<Conversion> {
    const { priority, sourceBytes, formats } = job;
    // What a message of the child sets off goes on where the conversion was asked for.
    const below = this.traces.bind();
    const tell: WantedReady | undefined = onWanted && ((...wanted) => below(() => onWanted(...wanted)));
    return this.traces.within(
      'convert',
      async (span) => {
        const conversion = await this.converter.convert(job, tell, signal);
        span.note({
          'proofsheet.source.type': conversion.info.type,
          'proofsheet.previews': conversion.previews.length,
        });
        return conversion;
      },
      {
        facts: {
          'proofsheet.priority': priority,
          'proofsheet.source.bytes': sourceBytes,
          'proofsheet.formats': formats.length,
        },
      },
    );
  }

  distrust(preview: MadePreview): void {
    this.converter.distrust(preview);
  }

  close(): Promise<void> {
    return this.converter.close();
  }
}
