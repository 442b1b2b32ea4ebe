// `proofsheet check-config`: whether a server would start with this configuration, without starting one.
import { blankSecretNames, loadConfig, unknownEnvironmentNames } from '../config/load-config.js';

/** What is told of a configuration that can be used. */
export interface ConfigCheck {
  readonly valid: true;
  /** What a start would warn of. */
  readonly warnings: readonly string[];
}

/** Throws `ConfigError`, which names everything that is wrong, for a configuration that cannot be used. */
export function checkConfig(): ConfigCheck {
  loadConfig();
  return {
    valid: true,
    warnings: [
      ...unknownEnvironmentNames().map((name) => `${name} names no setting`),
      ...blankSecretNames().map((name) => `${name} is empty, so this secret is not set`),
    ],
  };
}

/** One warning a line, and the verdict. */
export function checkText({ warnings }: ConfigCheck): string {
  return [...warnings.map((warning) => `warning: ${warning}`), 'the configuration can be used'].join('\n');
}
