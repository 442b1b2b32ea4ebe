// Servers that are not ours and say in no line that they are ready: they are asked until they answer, and one that has ended
// instead fails at once, with what it printed.
import type { ChildProcess } from 'node:child_process';
import { eventually } from './gate.js';
import { start } from './processes.js';
import type { Program } from './tools.js';

/** Of each stream of each server; what matters comes last. */
const KEPT_CHARS = 4_000;

/** A program and its arguments. */
export type Command = readonly [program: Program, ...args: string[]];

/**
 * Starts `commands` side by side; resolves with their processes once `answers` resolves with true. Rejects when it does not
 * (see `eventually`) or when one of them has ended before; then none is left running.
 */
export async function startDaemons(
  what: string,
  commands: readonly Command[],
  answers: () => Promise<boolean>,
): Promise<ChildProcess[]> {
  const ends: string[] = [];
  const children = commands.map(([program, ...args]) => {
    const child = start(program, args);
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-KEPT_CHARS);
      });
    child.once('error', (error) => ends.push(`${program} did not start: ${error.message}`));
    child.once('close', (code, signal) => ends.push(`${program} ended with ${code ?? signal}:\n${said}`));
    return child;
  });
  try {
    await eventually(async () => ends.length > 0 || (await answers()), what);
    if (ends.length > 0) throw new Error(`expected ${what}, but ${ends.join('\n')}`);
    return children;
  } catch (error) {
    for (const child of children) child.kill('SIGKILL');
    throw error;
  }
}
