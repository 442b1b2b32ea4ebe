// What is wrong with a configuration, all of it at once, in words for the person who started the server.

/** One thing that is wrong, by key and environment variable. */
export interface Fault {
  readonly key: string;
  readonly env: string | undefined;
  /** What was expected and what was given; never a secret. */
  readonly what: string;
}

/** One line. */
export function faultText({ key, env, what }: Fault): string {
  return `${key}${env === undefined ? '' : ` (${env})`}: ${what}`;
}

/** The exit code of a process that cannot run with its configuration: EX_CONFIG of BSD's sysexits.h. */
export const CONFIG_EXIT_CODE = 78;

/** A value longer than this is cut in reports. */
const MAX_GIVEN_CHARACTERS = 120;

/** The configuration cannot be used. The caller prints `report` and exits with `CONFIG_EXIT_CODE`. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly Fault[];
  /** Several lines: a head line, then one per fault. */
  readonly report: string;

  constructor(faults: readonly Fault[]) {
    const report = [
      `Proofsheet cannot start: ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'} in its configuration.`,
      ...faults.map((fault) => `  ${faultText(fault)}`),
    ].join('\n');
    super(report);
    this.faults = faults;
    this.report = report;
  }
}

/** A given value as a report shows it: short, quoted, and hidden when it is a secret. */
export function givenText(value: unknown, secret: boolean): string {
  if (value === undefined || value === null) return 'nothing';
  if (secret) return 'a value that is not shown';
  // Credentials in a URL have no setting that calls them secret.
  const text = (JSON.stringify(value) ?? String(value)).replaceAll(/:\/\/[^/\s"]*@/g, '://...@');
  return text.length > MAX_GIVEN_CHARACTERS ? `${text.slice(0, MAX_GIVEN_CHARACTERS)}...` : text;
}
