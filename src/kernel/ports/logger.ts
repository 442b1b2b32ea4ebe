// The port for log lines.

export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log lines: a constant message and its fields. Never keys, contexts, file names or secrets. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}
