// A logger that remembers its lines, for tests that prove what was said, how loudly, and what was never said.
import type { LogFields, Logger } from '../../src/kernel/ports/logger.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogLine {
  readonly level: LogLevel;
  readonly fields: LogFields;
  readonly message: string;
}

/** Keeps every line in order. */
export class FakeLogger implements Logger {
  readonly lines: LogLine[] = [];

  debug(fields: LogFields, message: string): void {
    this.lines.push({ level: 'debug', fields, message });
  }

  info(fields: LogFields, message: string): void {
    this.lines.push({ level: 'info', fields, message });
  }

  warn(fields: LogFields, message: string): void {
    this.lines.push({ level: 'warn', fields, message });
  }

  error(fields: LogFields, message: string): void {
    this.lines.push({ level: 'error', fields, message });
  }

  /** The lines of one level. */
  at(level: LogLevel): readonly LogLine[] {
    return this.lines.filter((line) => line.level === level);
  }

  /** Everything that was logged as one text, to prove that a secret is not in it. */
  get text(): string {
    return this.lines.map((line) => `${line.level} ${line.message} ${fieldsText(line.fields)}`).join('\n');
  }
}

/** Errors hide their message and cause from JSON; here they are told. */
function fieldsText(fields: LogFields): string {
  return JSON.stringify(fields, (_key, value: unknown) =>
    value instanceof Error
      ? { message: value.message, stack: value.stack, cause: value.cause }
      : typeof value === 'bigint'
        ? value.toString()
        : value,
  );
}
