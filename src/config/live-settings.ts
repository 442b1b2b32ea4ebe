// The settings that a process goes by, and how they are read again while it serves: what reloads is taken over, all of it or, where
// anything is wrong, nothing; the rest stays as it was at the start, in this process and in those that it begins later.
import { isDeepStrictEqual } from 'node:util';
import { configOf, readGiven, type Tree } from './load-config.js';
import { allSettings, type Config } from './schema.js';

/** Keys (`section.name`) of what differs, in the order of the settings. */
export interface Changes {
  /** Taken over. */
  readonly reloaded: readonly string[];
  /** Written otherwise than at the start, and not taken over. */
  readonly needRestart: readonly string[];
}

export class LiveSettings {
  private constructor(
    private current: Config,
    private tree: Tree,
  ) {}

  /** Throws `ConfigError` with every fault; `given`: what another process has read for this one. */
  static of(given: Tree = readGiven()): LiveSettings {
    return new LiveSettings(configOf(given), given);
  }

  get config(): Config {
    return this.current;
  }

  /** For processes that are to go by the same: plain JSON, and it holds secrets. */
  get given(): Tree {
    return this.tree;
  }

  /** Takes over what reloads of `given`. Throws `ConfigError` for anything wrong in it, and then has changed nothing. */
  reload(given: Tree = readGiven()): Changes {
    const asked = configOf(given);
    const tree = withReloading(this.tree, given);
    // What is new beside what stays may not fit together though each does by itself.
    const config = configOf(tree);
    const changes = { reloaded: differing(this.current, config), needRestart: differing(config, asked) };
    this.tree = tree;
    this.current = config;
    return changes;
  }
}

/** `base` with the settings that reload as `next` has them. */
function withReloading(base: Tree, next: Tree): Tree {
  const sections = Object.entries(base).map(([section, values]) => [section, { ...sectionOf(values) }] as const);
  const tree: Record<string, Record<string, unknown>> = Object.fromEntries(sections);
  for (const { section, name, setting } of allSettings()) {
    if (!setting.reloads) continue;
    tree[section] = { ...tree[section], [name]: sectionOf(next[section])[name] };
  }
  return tree;
}

/** Both trees have passed the check, so a section is an object. */
function sectionOf(values: unknown): Readonly<Record<string, unknown>> {
  return { ...(values as object) };
}

function differing(before: Config, after: Config): readonly string[] {
  return allSettings()
    .filter(
      ({ section, name }) => !isDeepStrictEqual(settingOf(before, section, name), settingOf(after, section, name)),
    )
    .map(({ key }) => key);
}

function settingOf(config: Config, section: string, name: string): unknown {
  return Reflect.get(Reflect.get(config, section) as object, name);
}
