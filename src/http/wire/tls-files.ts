// Certificate and key of the TLS port: read from files, tried before they are used, and read again when they change, as
// whoever renews certificates replaces them. The key is told to nobody.
import { readFile, stat } from 'node:fs/promises';
import type { Server } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { Logger } from '../../kernel/ports/logger.js';

export interface TlsPaths {
  /** PEM: the server's certificate, then those between it and the root. */
  readonly cert: string;
  /** PEM, without a passphrase. */
  readonly key: string;
}

export interface TlsPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** The files cannot be used: an operator's to mend. */
export class TlsFilesError extends Error {
  override readonly name = 'TlsFilesError';
}

/** How often the files are looked at; certificates are renewed weeks before they end. */
const LOOK_EVERY_MS = 10_000;

export class TlsFiles {
  private timer: NodeJS.Timeout | undefined;
  private refused = '';

  private constructor(
    private readonly paths: TlsPaths,
    readonly pair: TlsPair,
    private used: string,
  ) {}

  /** Reads both files; throws `TlsFilesError` when they are not there or do not belong together. */
  static async read(paths: TlsPaths): Promise<TlsFiles> {
    const state = await stateOf(paths);
    return new TlsFiles(paths, await readPair(paths), state);
  }

  /** From now on `server` gets every new pair that can be used; connections that stand keep theirs. */
  follow(server: Pick<Server, 'setSecureContext'>, logger: Logger, everyMs = LOOK_EVERY_MS): void {
    const look = async (): Promise<void> => {
      await this.renew(server, logger);
      this.timer?.refresh();
    };
    this.timer = setTimeout(() => void look(), everyMs).unref();
  }

  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private async renew(server: Pick<Server, 'setSecureContext'>, logger: Logger): Promise<void> {
    let state = 'unreadable';
    try {
      state = await stateOf(this.paths);
      if (state === this.used) return;
      const pair = await readPair(this.paths);
      // Replaced while they were read: the next look has them as they are then.
      if ((await stateOf(this.paths)) !== state) return;
      server.setSecureContext(pair);
      this.used = state;
      logger.info({ cert: this.paths.cert }, 'the TLS certificate was read again');
    } catch (error) {
      // One file may have been replaced before the other: what is refused now may be right at the next look.
      if (state === this.refused) return;
      this.refused = state;
      const reason = error instanceof Error ? error.message : String(error);
      logger.error({ reason }, 'the new TLS certificate cannot be used; the earlier one stays');
    }
  }
}

async function readPair({ cert, key }: TlsPaths): Promise<TlsPair> {
  const pair = { cert: await bytesOf(cert), key: await bytesOf(key) };
  try {
    createSecureContext(pair);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new TlsFilesError(
      `expected a PEM certificate in ${cert} and its key in ${key}, got something else (${reason})`,
    );
  }
  return pair;
}

/** What tells one state of the files from another; follows links, as those that Kubernetes replaces. */
async function stateOf({ cert, key }: TlsPaths): Promise<string> {
  const states = await Promise.all(
    [cert, key].map((path) => stat(path).catch((error) => Promise.reject(missing(path, error)))),
  );
  return states.map(({ ino, mtimeMs, size }) => `${ino}:${mtimeMs}:${size}`).join(' ');
}

async function bytesOf(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw missing(path, error);
  }
}

function missing(path: string, error: unknown): TlsFilesError {
  const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  return new TlsFilesError(`expected a readable file ${path} for TLS, got none (${reason})`);
}
