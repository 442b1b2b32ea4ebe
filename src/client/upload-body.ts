// The bytes of an upload on their way: as they are, or as a stream that tells how far it has come.

export interface Progress {
  /** Bytes handed to the network so far. */
  readonly sentBytes: number;
  readonly totalBytes: number;
}

type OnProgress = (progress: Progress) => void;

/** As `fetch`. */
export type Fetching = (url: string, init: RequestInit) => Promise<Response>;

export class Uploader {
  /** No attempt has failed that streamed. */
  private mayStream = takesStreams();

  /**
   * Sends `source` once. With somebody to tell, as a stream that is read as the network takes it, so that progress is honest. Browsers
   * stream over HTTP/2 alone, and say by failing that this is none: then the blob itself is sent, here and from then on.
   */
  async send(
    fetching: Fetching,
    url: string,
    init: RequestInit,
    source: Blob,
    onProgress: OnProgress | undefined,
  ): Promise<Response> {
    if (onProgress !== undefined && this.mayStream) {
      try {
        // `duplex` is not among the types of every platform.
        return await fetching(url, { ...init, body: counted(source, onProgress), duplex: 'half' } as RequestInit);
      } catch (error) {
        if (init.signal?.aborted === true || !(error instanceof TypeError)) throw error;
        this.mayStream = false;
      }
    }
    onProgress?.({ sentBytes: 0, totalBytes: source.size });
    const response = await fetching(url, { ...init, body: source });
    onProgress?.({ sentBytes: source.size, totalBytes: source.size });
    return response;
  }
}

/** Browsers that know no streamed bodies take a stream for a text, and never ask what its `duplex` is. */
function takesStreams(): boolean {
  let asked = false;
  const init = {
    method: 'POST',
    body: new ReadableStream(),
    get duplex() {
      asked = true;
      return 'half' as const;
    },
  };
  const { headers } = new Request('https://feature.invalid', init as RequestInit);
  return asked && !headers.has('Content-Type');
}

function counted(source: Blob, onProgress: OnProgress): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = source.stream().getReader();
  const totalBytes = source.size;
  let sentBytes = 0;
  onProgress({ sentBytes, totalBytes });
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        controller.enqueue(value);
        sentBytes += value.byteLength;
        onProgress({ sentBytes, totalBytes });
      },
      cancel: (reason) => reader.cancel(reason),
    },
    // Nothing is read ahead of what is sent.
    { highWaterMark: 0 },
  );
}
