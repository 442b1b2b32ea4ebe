// Every wait of the HTTP server has an end and everything it holds a bound: as the server has them by default, and as
// docs/SECURITY.md lists them.
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type App, compose } from '../../src/compose.js';
import { loadConfig } from '../../src/config/load-config.js';
import { ERROR_TAKING_MS } from '../../src/http/wire/error-response.js';
import { MAX_WAITING_REQUESTS } from '../../src/http/wire/pipelined-requests.js';
import { MAX_HEADER_LINES } from '../../src/http/wire/request-rules.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';

let dir: TempDir;
let app: App;
beforeAll(async () => {
  dir = await tempDir();
  // Memory is divided, and a third of a machine's is no multiple of anything: a server that takes none but some would not start.
  const memory = { PROOFSHEET_MEMORY_MAX_BYTES: '1048577' };
  const environment = { PROOFSHEET_DATA_DIR: dir.path, PROOFSHEET_CONVERTERS: '1', ...memory };
  app = await compose(loadConfig({ environment }), createLogger({ level: 'silent' }));
});
afterAll(async () => {
  await app.close(5_000);
  await dir.remove();
});

/** What is not a property of Node's server, by the name in the document. */
function ownLimits(): Readonly<Record<string, number>> {
  const { server } = loadConfig({ environment: {} });
  return {
    PROOFSHEET_UPLOAD_IDLE_TIMEOUT_MS: server.uploadIdleTimeoutMs,
    PROOFSHEET_UPLOAD_TIMEOUT_MS: server.uploadTimeoutMs,
    PROOFSHEET_SEND_TIMEOUT_MS: server.sendTimeoutMs,
    PROOFSHEET_DRAIN_TIMEOUT_MS: server.drainTimeoutMs,
    PROOFSHEET_MAX_UPLOADS: server.maxUploads,
    'an error': ERROR_TAKING_MS,
    'header lines': MAX_HEADER_LINES,
    'pipelined requests': MAX_WAITING_REQUESTS,
  };
}

/** Rows of the table of waits and bounds: name and documented value. */
async function documented(): Promise<ReadonlyMap<string, number>> {
  const text = await readFile(new URL('../../docs/SECURITY.md', import.meta.url), 'utf8');
  const section = text.split('## Every wait has an end')[1]?.split('\n## ')[0] ?? '';
  const rows = [...section.matchAll(/^\|[^|]*\| `?([^`|]+?)`? \| ([\d,]+)[^|]*\|$/gm)];
  return new Map(rows.map(([, name = '', value = '']) => [name, Number(value.replaceAll(',', ''))]));
}

it('has every timeout and limit of the document, and the document every one of the server', async () => {
  const table = await documented();
  const own = ownLimits();
  const ofNode = [
    ...['headersTimeout', 'requestTimeout', 'keepAliveTimeout', 'connectionsCheckingInterval', 'timeout'],
    ...['maxHeadersCount', 'maxHeaderSize', 'maxConnections', 'maxRequestsPerSocket'],
  ];
  expect([...table.keys()].sort()).toEqual([...ofNode, ...Object.keys(own)].sort());
  // Some of Node's properties are not in its types.
  for (const name of ofNode) expect([name, Reflect.get(app.server, name)]).toEqual([name, table.get(name)]);
  for (const [name, value] of Object.entries(own)) expect([name, value]).toEqual([name, table.get(name)]);
});

it('waits for nothing without end', () => {
  const { server } = app;
  for (const limit of [
    server.headersTimeout,
    server.requestTimeout,
    server.keepAliveTimeout,
    server.maxHeadersCount,
    server.maxConnections,
    ...Object.values(ownLimits()),
  ]) {
    expect(limit).toBeGreaterThan(0);
    expect(limit).toBeLessThanOrEqual(3_600_000);
  }
});
