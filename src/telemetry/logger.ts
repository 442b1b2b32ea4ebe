// The Logger port on pino: one JSON line per event on standard output. Secrets are cut out here as a last line of defence;
// the first is not to log them.
import { type DestinationStream, type Logger as Pino, pino, stdSerializers, stdTimeFunctions } from 'pino';
import type { LogFields, Logger } from '../kernel/ports/logger.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  /** Least severe level that is written. */
  readonly level: LogLevel;
  /** Where lines go; standard output unless given, written synchronously. A server gives one that cannot hold it up. */
  readonly destination?: DestinationStream;
}

/** A logger whose children say more about where a line comes from. */
export interface ProcessLogger extends Logger {
  /** A logger that adds `fields` to every line; same level, same destination. */
  child(fields: LogFields): ProcessLogger;
  /** From now on, for itself and all that are of one family with it. */
  setLevel(level: LogLevel): void;
}

const SECRET_FIELDS = [
  'authorization',
  'Authorization',
  'password',
  'secret',
  'cookie',
  'redisUrl',
  'redisPassword',
  's3AccessKeyId',
  's3SecretAccessKey',
] as const;

/** Each secret at the top of a line, and one and two levels down: pino's paths have no "anywhere". */
const REDACTED_PATHS = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);

/**
 * A SHA-256 in hex: of a source it is what most clients take for the image's key, and it stands in paths and messages of failures
 * too. The first eight characters tell which blob was meant, and are no key.
 */
const DIGEST = /\b([0-9a-f]{8})[0-9a-f]{56}\b/gi;

/** The logger of this process. */
export function createLogger(options: LoggerOptions): ProcessLogger {
  const settings = {
    level: options.level,
    // No pid and no host name: whoever runs many processes adds what tells them apart.
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    messageKey: 'message',
    errorKey: 'error',
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: stdSerializers.errWithCause, cause: stdSerializers.errWithCause },
    redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
    hooks: { streamWrite: (line: string) => line.replace(DIGEST, '$1...') },
  };
  return new PinoLogger(options.destination ? pino(settings, options.destination) : pino(settings));
}

class PinoLogger implements ProcessLogger {
  /** `family`: all loggers of one destination. A process makes a child or two, so nothing is ever taken out. */
  constructor(
    private readonly pino: Pino,
    private readonly family: Pino[] = [],
  ) {
    family.push(pino);
  }

  debug(fields: LogFields, message: string): void {
    this.pino.debug(fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.pino.info(fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.pino.warn(fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.pino.error(fields, message);
  }

  child(fields: LogFields): ProcessLogger {
    return new PinoLogger(this.pino.child(fields), this.family);
  }

  setLevel(level: LogLevel): void {
    for (const each of this.family) each.level = level;
  }
}
