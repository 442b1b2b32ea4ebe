// Sends Proofsheet's traces to an OpenTelemetry collector. Beside the server:
//   npm install @opentelemetry/sdk-trace-node @opentelemetry/exporter-trace-otlp-http @opentelemetry/resources
//   NODE_OPTIONS="--import $PWD/register.mjs" OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 npx proofsheet serve
// NODE_OPTIONS reaches every worker; converters are not traced themselves, their work is by the server that asks for it.
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

// How much is traced is OTEL_TRACES_SAMPLER's: parentbased_traceidratio with OTEL_TRACES_SAMPLER_ARG=0.01 is a hundredth.
new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': process.env.OTEL_SERVICE_NAME ?? 'proofsheet' }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
}).register();
