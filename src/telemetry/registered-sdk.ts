// Whether this process is traced at all: OpenTelemetry's API is a hundred files, and is loaded only where an SDK was registered.
import type { Traces } from '../kernel/ports/traces.js';

/** Where every copy of the API, of whatever version 1, keeps what is registered with it (a test holds it to that). */
const REGISTERED = Symbol.for('opentelemetry.js.api.1');

/** `undefined` where no SDK was registered before. `version`: of this program. */
export async function tracesOf(version: string): Promise<Traces | undefined> {
  if (!(REGISTERED in globalThis)) return undefined;
  const { openTraces } = await import('./traces.js');
  return openTraces(version);
}
