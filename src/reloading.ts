// What SIGHUP means to a server: read the settings again. Only where its terminal was closed it means what it always has: end.
import { closeSync, openSync } from 'node:fs';
import { ConfigError, faultText } from './config/config-error.js';
import type { LiveSettings } from './config/live-settings.js';
import type { Tree } from './config/load-config.js';
import type { Logger } from './kernel/ports/logger.js';

/** The terminal that this process can be spoken to from, if there is one. */
export class Terminal {
  private readonly wasOpen = isOpen();

  /** There was one, and it was closed. */
  get isClosed(): boolean {
    return this.wasOpen && !isOpen();
  }
}

function isOpen(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

/** Calls `onReload` at every SIGHUP but the one of a terminal that was closed, which stops the server as SIGTERM does. */
export function reloadOnHangUp(terminal: Terminal, onReload: () => void): void {
  process.on('SIGHUP', () => {
    if (terminal.isClosed) process.kill(process.pid, 'SIGTERM');
    else onReload();
  });
}

/** Ends the process with `code`; without its terminal, as its closing does: Node would abort, since it cannot put that right again. */
export function endProcess(terminal: Terminal, code: number): never {
  if (!terminal.isClosed) process.exit(code);
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
  throw new Error('expected SIGHUP to have ended this process');
}

/** Goes by what another process has read, which has told of it; what cannot be used here changes nothing. */
export function takeOver(settings: LiveSettings, given: Tree, logger: Logger): void {
  try {
    settings.reload(given);
  } catch (error) {
    tellUnusable(error, logger);
  }
}

/** Reads the settings again and says what came of it; what cannot be used changes nothing. */
export function readAgain(settings: LiveSettings, logger: Logger): void {
  try {
    const { reloaded, needRestart } = settings.reload();
    if (needRestart.length > 0)
      logger.warn({ settings: needRestart }, 'these settings have changed too, and hold after a restart');
    logger.info({ reloaded }, 'settings read again');
  } catch (error) {
    tellUnusable(error, logger);
  }
}

function tellUnusable(error: unknown, logger: Logger): void {
  const reason = error instanceof ConfigError ? error.faults.map(faultText) : String(error);
  logger.error({ reason }, 'the settings could not be used; those that were known before stay');
}
