// Reads the configuration once, at the process edge: config/default.yaml < config/<NODE_ENV>.yaml < the profile < the original's properties < the operator's own
// files (NODE_CONFIG_DIR) < NODE_CONFIG < environment variables. All faults are found before any is reported.
import { accessSync, constants, existsSync } from 'node:fs';
import { availableParallelism, hostname, totalmem } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Load, Util } from 'config/lib/util.js';
import type { z } from 'zod';
import { ConfigError, type Fault, givenText } from './config-error.js';
import { readOxProperties } from './ox-properties.js';
import { allSettings, type Config, configSchema, conflictsOf, type KeyedSetting, SETTINGS } from './schema.js';
import { PROFILES, type Profile } from './serving-settings.js';
import type { Machine } from './setting.js';

/** The package's own files: two levels up both from src/config and from dist/config. */
const OWN_CONFIG_DIR = fileURLToPath(new URL('../../config', import.meta.url));

const NAMES_PATH = join(OWN_CONFIG_DIR, 'custom-environment-variables.yaml');

type Environment = Readonly<Record<string, string | undefined>>;
/** Sections of keys and values as they are written, not checked yet: plain JSON. */
export type Tree = Readonly<Record<string, unknown>>;

/** What was read, and of what, in the order in which one lies over the other. */
interface Sources {
  readonly tree: Tree;
  readonly sources: readonly { readonly name: string; readonly parsed: Tree }[];
}

/** What the world is to the loader; tests bring their own. */
export interface LoadOptions {
  readonly environment?: Environment;
  readonly machine?: Machine;
}

/** The checked configuration of this process. Throws `ConfigError` with every fault at once. */
export function loadConfig(options: LoadOptions = {}): Config {
  return configOf(readGiven(options.environment), options.machine);
}

/** What files and environment say now. Throws `ConfigError` for a source that cannot be read. */
export function readGiven(environment: Environment = process.env): Tree {
  return readSources(withoutBlanks(environment)).tree;
}

/** The same, and of each key (`section.name`) the file or variable that has the last word. */
export function readWithOrigins(environment: Environment = process.env): Sources & {
  readonly origins: ReadonlyMap<string, string>;
} {
  const known = withoutBlanks(environment);
  const read = readSources(known);
  const origins = allSettings().map(({ key, section, name, setting: { env } }) => {
    const last = read.sources.findLast(({ parsed }) => hasKey(parsed, section, name))?.name ?? '(none)';
    return [key, last === NAMES_PATH && known[env] !== undefined ? env : last] as const;
  });
  return { ...read, origins: new Map(origins) };
}

function hasKey(tree: Tree, section: string, name: string): boolean {
  const values = tree[section];
  return typeof values === 'object' && values !== null && Object.hasOwn(values, name);
}

/** What was read, checked. Throws `ConfigError` with every fault at once. */
export function configOf(given: Tree, machine: Machine = thisMachine()): Config {
  // Asked once: programs that zod would make for it cost a fifth of the reading.
  const result = configSchema().safeParse(given, { jitless: true });
  if (!result.success) throw new ConfigError(faultsOf(result.error.issues, given));

  const config = decideAuto(result.data, machine);
  const conflicts = conflictsOf(config).map(({ key, expected }) => faultAt(key, `expected ${expected}`, given));
  if (conflicts.length > 0) throw new ConfigError(conflicts);
  return onWritableDirectory(config);
}

/** With the other data directory where only that can be written. */
function onWritableDirectory(config: Config): Config {
  const { dataDir, fallbackDataDir } = config.storage;
  if (fallbackDataDir === undefined || isWritable(dataDir) || !isWritable(fallbackDataDir)) return config;
  return { ...config, storage: { ...config.storage, dataDir: fallbackDataDir } };
}

/** Whether the directory can be written, or made. */
function isWritable(directory: string): boolean {
  for (let path = resolve(directory); ; path = dirname(path)) {
    if (!existsSync(path) && path !== dirname(path)) continue;
    try {
      accessSync(path, constants.W_OK | constants.X_OK);
      return true;
    } catch {
      return false;
    }
  }
}

/** The values of config/default.yaml as written there: `auto` and `512MiB` stay what they are. */
export function defaultValues(): Tree {
  return Util.loadFileConfigs(new Load({ configDir: OWN_CONFIG_DIR, nodeEnv: [], hostName: '' })).config;
}

/** `PROOFSHEET_` variables that name no setting: most likely a slip, worth a warning. Sorted. */
export function unknownEnvironmentNames(environment: Environment = process.env): readonly string[] {
  const known = new Set(allSettings().map(({ setting }) => setting.env));
  return Object.keys(environment)
    .filter((name) => name.startsWith('PROOFSHEET_') && !known.has(name))
    .sort();
}

/**
 * Variables of secrets that are there and hold nothing: worth a warning, because whoever sets one may believe that there is a
 * secret, and what it would have restricted is as open or as shut as without it. In the order of the settings.
 */
export function blankSecretNames(environment: Environment = process.env): readonly string[] {
  return allSettings()
    .filter(({ setting }) => setting.secret && environment[setting.env]?.trim() === '')
    .map(({ setting }) => setting.env);
}

/** Compose files and env files write `NAME=` for what is not set, so a variable of nothing but white space is none. */
function withoutBlanks(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim() !== ''));
}

/** All sources over each other; a profile is named by one of them and lies under the operator's, so it takes a second turn. */
function readSources(environment: Environment): Sources {
  const alone = readInOrder(environment, undefined, undefined);
  const { server } = alone.tree;
  const given = (name: string) =>
    typeof server === 'object' && server !== null ? (Reflect.get(server, name) as unknown) : undefined;
  const profile = PROFILES.find((name) => name === given('profile'));
  const properties = given('oxProperties');
  // Any other value is a fault, which is found with all the others.
  const file = typeof properties === 'string' ? properties : undefined;
  return profile === undefined && file === undefined ? alone : readInOrder(environment, profile, file);
}

function readInOrder(environment: Environment, profile: Profile | undefined, properties: string | undefined): Sources {
  const operatorDir = environment.NODE_CONFIG_DIR;
  const load = new LoadWithEnvironment({
    configDir: OWN_CONFIG_DIR,
    nodeEnv: (environment.NODE_CONFIG_ENV || environment.NODE_ENV || 'development').split(','),
    hostName: environment.HOST || environment.HOSTNAME || hostname(),
    appInstance: environment.NODE_APP_INSTANCE ?? '',
  });
  try {
    Util.loadFileConfigs(load);
    if (profile !== undefined) load.loadFile(join(OWN_CONFIG_DIR, 'profiles', `${profile}.yaml`));
    if (properties !== undefined) load.addConfig(properties, readOxProperties(properties).settings);
    if (operatorDir) {
      refuseMissing(operatorDir);
      load.options.configDir = operatorDir;
      Util.loadFileConfigs(load);
    }
    if (environment.NODE_CONFIG) load.addConfig('NODE_CONFIG', treeOf(environment.NODE_CONFIG));
    // An operator's directory need not repeat the names of the environment variables, so ours are always read.
    load.loadEnvironment(NAMES_PATH, environment);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError([{ key: '(sources)', env: undefined, what: withoutQuotes(String(error)) }]);
  }
  return { tree: Util.toObject(load.config), sources: load.getSources() };
}

/** What a parser says of a file and a place in it, without what it quotes of the file: that may hold secrets. */
function withoutQuotes(message: string): string {
  const [said = ''] = message.split('\n', 1);
  return said.replace(/^Error: /, '').replaceAll(/"[^"]*"/g, '"..."');
}

/** What `NODE_CONFIG` holds. V8's own message about broken JSON quotes it, and it may hold passwords. */
function treeOf(nodeConfig: string): Tree {
  const expected = (what: string) =>
    new ConfigError([
      {
        key: '(sources)',
        env: 'NODE_CONFIG',
        what: `expected a JSON object such as {"server":{"port":8005}}, got ${what}`,
      },
    ]);
  let given: unknown;
  try {
    given = JSON.parse(nodeConfig);
  } catch {
    throw expected(`${nodeConfig.length} characters that are no JSON`);
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw expected('JSON of something else');
  // What it holds is checked with all the other values.
  return given as Tree;
}

/** node-config's loader, but for an environment that is handed in: its own method reads `process.env`. */
class LoadWithEnvironment extends Load {
  loadEnvironment(namesPath: string, environment: Environment): void {
    this.loadFile(namesPath, (names) => this.substituteDeep(names, { ...environment }));
  }
}

/** node-config passes over a directory that is not there; an operator who named one meant it. */
function refuseMissing(configDirs: string): void {
  const missing = configDirs.split(delimiter).filter((directory) => directory !== '' && !existsSync(directory));
  if (missing.length > 0)
    throw new ConfigError(
      missing.map((directory) => ({
        key: '(sources)',
        env: 'NODE_CONFIG_DIR',
        what: `expected an existing directory, got ${JSON.stringify(directory)}`,
      })),
    );
}

function faultsOf(issues: readonly z.core.$ZodIssue[], given: Tree): readonly Fault[] {
  return issues.flatMap((issue) => {
    const key = issue.path.slice(0, 2).join('.');
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((name) => ({
        key: key === '' ? name : `${key}.${name}`,
        env: undefined,
        what: `unknown; known are ${knownNames(key).join(', ')}`,
      }));
    const setting = settingOf(key)?.setting;
    if (setting === undefined) return [{ key, env: undefined, what: 'expected a section of keys and values' }];
    const detail = issue.code === 'custom' ? `: ${issue.message}` : '';
    return [faultAt(key, `expected ${setting.expected}${detail}`, given)];
  });
}

function faultAt(key: string, what: string, given: Tree): Fault {
  const found = settingOf(key);
  if (found === undefined) return { key, env: undefined, what };
  const section = given[found.section];
  const value = typeof section === 'object' && section !== null ? Reflect.get(section, found.name) : undefined;
  return {
    key,
    env: found.setting.env,
    what: `${what}; got ${givenText(value, found.setting.secret)}`,
  };
}

function settingOf(key: string): KeyedSetting | undefined {
  return allSettings().find((keyed) => keyed.key === key);
}

function knownNames(section: string): readonly string[] {
  const all = allSettings();
  return section === ''
    ? [...new Set(all.map((keyed) => keyed.section))]
    : all.filter((keyed) => keyed.section === section).map(({ name }) => name);
}

function decideAuto(checked: Record<string, Record<string, unknown>>, machine: Machine): Config {
  const chosen = checked.server?.workers;
  const workers = typeof chosen === 'number' ? chosen : machine.cores;
  const decided = Object.fromEntries(Object.keys(SETTINGS).map((section) => [section, {} as Record<string, unknown>]));
  for (const { section, name, setting } of allSettings()) {
    const value = checked[section]?.[name];
    const values = decided[section] ?? {};
    values[name] = value === 'auto' && setting.auto ? setting.auto(machine, workers) : value;
  }
  // The schema was made from the same table as the type, so what it let through has the type's shape.
  return decided as unknown as Config;
}

function thisMachine(): Machine {
  // Without a limit it is 0, undefined or a number beyond any machine, depending on platform and Node version.
  const constrained = process.constrainedMemory() ?? 0;
  return {
    cores: availableParallelism(),
    memoryBytes: constrained > 0 ? Math.min(constrained, totalmem()) : totalmem(),
  };
}
