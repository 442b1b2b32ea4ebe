// Whether a process is traced: known without loading OpenTelemetry's API, and by where the API itself keeps what is registered.
import { trace } from '@opentelemetry/api';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { afterEach, expect, it } from 'vitest';
import { tracesOf } from '../../../src/telemetry/registered-sdk.js';
import { openTraces } from '../../../src/telemetry/traces.js';

afterEach(() => trace.disable());

it('is traced once an SDK is registered, and not before', async () => {
  expect(await tracesOf('1.0.0')).toBeUndefined();
  expect(openTraces('1.0.0')).toBeUndefined();
  new NodeTracerProvider().register();
  expect(await tracesOf('1.0.0')).toBeDefined();
});
