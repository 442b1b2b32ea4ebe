// `proofsheet check-config`: whether a server would start with this configuration, without starting one; and what it would go by.
import { givenText } from '../config/config-error.js';
import { blankSecretNames, configOf, readWithOrigins, unknownEnvironmentNames } from '../config/load-config.js';
import { allSettings, type Config } from '../config/schema.js';

/** A setting as it stands. */
export interface ShownSetting {
  readonly key: string;
  /** As it was written, and what `auto` comes to; of a secret only that there is one. */
  readonly value: string;
  /** The file or the environment variable that has the last word. */
  readonly origin: string;
}

/** What is told of a configuration that can be used. */
export interface ConfigCheck {
  readonly valid: true;
  /** What a start would warn of. */
  readonly warnings: readonly string[];
  /** Where they were asked for. */
  readonly settings?: readonly ShownSetting[];
}

/** Throws `ConfigError`, which names everything that is wrong, for a configuration that cannot be used. */
export function checkConfig(withSettings = false): ConfigCheck {
  const { tree, origins } = readWithOrigins();
  const config = configOf(tree);
  return {
    valid: true,
    warnings: [
      ...unknownEnvironmentNames().map((name) => `${name} names no setting`),
      ...blankSecretNames().map((name) => `${name} is empty, so this secret is not set`),
    ],
    ...(withSettings && {
      settings: allSettings().map(({ key, section, name, setting: { secret } }) => {
        const given = valueIn(tree, section, name);
        const text = given === undefined || given === null ? 'unset' : givenText(given, secret);
        const value = given === 'auto' ? `${text} (${String(valueIn(config, section, name))})` : text;
        return { key, value, origin: origins.get(key) ?? '' };
      }),
    }),
  };
}

/** One warning or setting a line, and the verdict. */
export function checkText({ warnings, settings = [] }: ConfigCheck): string {
  return [
    ...settings.map(({ key, value, origin }) => `${key} = ${value}  # ${origin}`),
    ...warnings.map((warning) => `warning: ${warning}`),
    'the configuration can be used',
  ].join('\n');
}

function valueIn(tree: Readonly<Record<string, unknown>> | Config, section: string, name: string): unknown {
  const values: unknown = Reflect.get(tree, section);
  return typeof values === 'object' && values !== null ? Reflect.get(values, name) : undefined;
}
