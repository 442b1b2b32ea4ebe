// The port for traces: spans around work, below the one that they are begun in, across queues and from process to process.
// What they say is for operators: never a key, a context, a file name or a secret.
/** By names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export type SpanFacts = Readonly<Record<string, string | number | boolean | undefined>>;

/** A span while its work runs. */
export interface Span {
  /** What became known of it. */
  note(facts: SpanFacts): void;
}

export interface SpanOptions {
  readonly facts?: SpanFacts;
  /** Another span that this work waits for, though it is not below it. */
  readonly waitsFor?: Span | undefined;
  /** The work is asked of another server. */
  readonly isClient?: boolean;
}

/** How a request ended. */
export interface RequestEnd {
  readonly method: string;
  /** As a pattern, as `/imageconverter/getImage/{imageKey}`; absent where it was none of ours. */
  readonly route: string | undefined;
  readonly isSecure: boolean;
  readonly status: number;
  readonly facts: SpanFacts;
  /** The name of a failure that is ours; absent: it succeeded, or failed for the client's reasons. */
  readonly failure?: string | undefined;
}

export interface RequestSpan {
  /** What it calls, and everything that follows from that, is below the request. */
  run<T>(work: () => T): T;
  /** Once. */
  end(end: RequestEnd): void;
}

export interface Traces {
  /** Runs `work` in a span; a rejection is noted by its code and goes on. */
  within<T>(name: string, work: (span: Span) => Promise<T>, options?: SpanOptions): Promise<T>;
  /** What runs work below the span that this was called in, whoever calls it later. */
  bind(): <T>(work: () => T) => T;
  /** Begins the span of a request; the trace that its headers name goes on. */
  request(headers: RequestHeaders, method: string): RequestSpan;
  /** The same of one that took `seconds` until now and is answered. */
  answered(headers: RequestHeaders, seconds: number, end: RequestEnd): void;
  /** Headers that tell another server which trace it is asked in; empty outside of any. */
  headers(): Readonly<Record<string, string>>;
  /** Hands on what was not handed on yet, within `limitMs`. Never rejects. */
  flush(limitMs: number): Promise<void>;
}

const NO_SPAN: Span = { note: () => undefined };

/** Of a process that nobody traces, for work that takes longer than a call of a function: nothing but the work. */
export const NO_TRACES: Pick<Traces, 'within' | 'bind'> = {
  within: (_name, work) => work(NO_SPAN),
  bind: () => (work) => work(),
};
