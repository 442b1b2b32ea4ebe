// Ports for servers that have to be told theirs, or that come back on the one they had.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { RUN_VARIABLE } from './run-variable.js';

/** Below those that Linux gives to clients and to servers without a wish (ip_local_port_range), so that nobody is given one of these meanwhile. */
const FIRST = 12_000;
const COUNT = 20_000;

/** A port that nobody listens on, and that no other test of this run is given. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 1_000; tries++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (claim(port) && (await isFree(port))) return port;
  }
  throw new Error(`expected a free port from ${FIRST} to ${FIRST + COUNT - 1}, found none`);
}

/** False: this run has given it away already. */
function claim(port: number): boolean {
  const processes = process.env[RUN_VARIABLE];
  // Without a run around it nobody else asks.
  if (processes === undefined) return true;
  const ports = join(processes, '..', 'ports');
  mkdirSync(ports, { recursive: true });
  try {
    writeFileSync(join(ports, String(port)), '', { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Whether it can be listened on at all addresses: whoever listens at one of them has it. */
function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
