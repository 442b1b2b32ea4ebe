// The Traces port on OpenTelemetry's API. Which SDK listens, if any, and where spans go, is the operator's: `node --import` registers it
// before the server starts. Without one there are no traces, and nothing here is called.
import {
  type Attributes,
  type Context,
  context,
  type Link,
  type Span as OtelSpan,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { ProofsheetError } from '../kernel/errors.js';
import type {
  RequestEnd,
  RequestHeaders,
  RequestSpan,
  Span,
  SpanFacts,
  SpanOptions,
  Traces,
} from '../kernel/ports/traces.js';

const SCOPE = 'proofsheet';
/** HTTP's own; a client may send anything, and a name has to be one of few. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'CONNECT', 'TRACE']);

/** What an SDK's provider may have beside the API's. */
interface Provider {
  getDelegateTracer?(name: string, version?: string): Tracer | undefined;
  getDelegate?(): Provider;
  forceFlush?(): Promise<void>;
}

/** `undefined` where no SDK was registered before. `version`: of this program. */
export function openTraces(version: string): Traces | undefined {
  const provider = trace.getTracerProvider() as Provider;
  // The API's own provider stands in for one that may come, and knows a tracer only once it has come.
  if (provider.getDelegateTracer !== undefined && provider.getDelegateTracer(SCOPE, version) === undefined)
    return undefined;
  return new OtelTraces(trace.getTracer(SCOPE, version), provider.getDelegate?.() ?? provider);
}

class OtelTraces implements Traces {
  constructor(
    private readonly tracer: Tracer,
    private readonly provider: Provider,
  ) {}

  within<T>(name: string, work: (span: Span) => Promise<T>, options: SpanOptions = {}): Promise<T> {
    const { facts = {}, waitsFor, isClient = false } = options;
    const links: Link[] = waitsFor instanceof OpenSpan ? [{ context: waitsFor.span.spanContext() }] : [];
    const kind = isClient ? SpanKind.CLIENT : SpanKind.INTERNAL;
    return this.tracer.startActiveSpan(name, { attributes: attributesOf(facts), links, kind }, async (span) => {
      try {
        return await work(new OpenSpan(span));
      } catch (error) {
        failed(span, nameOf(error));
        throw error;
      } finally {
        span.end();
      }
    });
  }

  bind(): <T>(work: () => T) => T {
    const here = context.active();
    return (work) => context.with(here, work);
  }

  request(headers: RequestHeaders, method: string): RequestSpan {
    const { span, within } = this.begin(headers, method);
    return {
      run: (work) => context.with(within, work),
      end: (end) => finish(span, end),
    };
  }

  answered(headers: RequestHeaders, seconds: number, end: RequestEnd): void {
    finish(this.begin(headers, end.method, Date.now() - seconds * 1_000).span, end);
  }

  headers(): Readonly<Record<string, string>> {
    const carrier: Record<string, string> = {};
    propagation.inject(context.active(), carrier);
    return carrier;
  }

  async flush(limitMs: number): Promise<void> {
    const limit = new Promise<void>((resolve) => setTimeout(resolve, limitMs).unref());
    await Promise.race([this.provider.forceFlush?.().catch(() => undefined), limit]);
  }

  private begin(
    headers: RequestHeaders,
    method: string,
    startTime?: number,
  ): { readonly span: OtelSpan; readonly within: Context } {
    const parent = propagation.extract(ROOT_CONTEXT, headers);
    const options = {
      kind: SpanKind.SERVER,
      attributes: { 'http.request.method': methodOf(method) },
      ...(startTime !== undefined && { startTime }),
    };
    const span = this.tracer.startSpan(methodOf(method), options, parent);
    return { span, within: trace.setSpan(parent, span) };
  }
}

class OpenSpan implements Span {
  constructor(readonly span: OtelSpan) {}

  note(facts: SpanFacts): void {
    this.span.setAttributes(attributesOf(facts));
  }
}

/** By OpenTelemetry's conventions for HTTP servers, but for `url.path` and `url.query`: those hold keys, contexts and signatures. */
function finish(span: OtelSpan, { method, route, isSecure, status, facts, failure }: RequestEnd): void {
  if (route !== undefined) span.updateName(`${methodOf(method)} ${route}`);
  span.setAttributes({
    'url.scheme': isSecure ? 'https' : 'http',
    'http.response.status_code': status,
    ...(route !== undefined && { 'http.route': route }),
    ...attributesOf(facts),
  });
  if (failure !== undefined) failed(span, failure);
  span.end();
}

/** Without the message, which may quote what was sent. */
function failed(span: OtelSpan, failure: string): void {
  span.setAttribute('error.type', failure);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

function nameOf(error: unknown): string {
  if (error instanceof ProofsheetError) return error.code;
  return error instanceof Error ? error.name : '_OTHER';
}

function methodOf(method: string): string {
  return METHODS.has(method) ? method : '_OTHER';
}

function attributesOf(facts: SpanFacts): Attributes {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}
