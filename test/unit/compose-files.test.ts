// The compose file as far as it can be judged without Docker: YAML that holds together, and settings that exist.
import { existsSync, readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { allSettings } from '../../src/config/schema.js';

interface Service {
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly build?: string;
  readonly image?: string;
  readonly profiles?: readonly string[];
}

interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

describe('compose.yaml', () => {
  const { services, volumes } = load(read('compose.yaml')) as ComposeFile;

  test('names only settings that exist, and no secret', () => {
    const known = allSettings();
    const named = Object.values(services).flatMap(({ environment = {} }) => Object.entries(environment));
    expect(named.length).toBeGreaterThan(2);
    for (const [variable, value] of named) {
      const setting = known.find(({ setting: { env } }) => env === variable)?.setting;
      expect(setting, variable).toBeDefined();
      expect(variable.endsWith('REDIS_URL') || !(setting?.secret && value), variable).toBe(true);
    }
  });

  test('depends on services and mounts volumes and files that it has', () => {
    for (const service of Object.values(services)) {
      expect(service.build ?? service.image).toBeDefined();
      for (const other of Object.keys(service.depends_on ?? {})) expect(Object.keys(services)).toContain(other);
      for (const volume of service.volumes ?? []) {
        const [from = ''] = volume.split(':');
        if (from.startsWith('.')) expect(existsSync(new URL(from, root)), from).toBe(true);
        else expect(Object.keys(volumes)).toContain(from);
      }
    }
  });
});

test('the balancer of compose.yaml listens where it is published, and asks the nodes where they listen', () => {
  const { services } = load(read('compose.yaml')) as ComposeFile;
  const nginx = read('docs/nginx.conf');
  const listens = /listen (\d+);/.exec(nginx)?.[1];
  expect(services.balancer?.ports).toEqual([`127.0.0.1:8080:${listens}`]);
  const asked = [...nginx.matchAll(/^ *server ([\w.]+):(\d+)/gm)].map(([, host, port]) => ({ host, port }));
  expect(asked.map(({ host }) => host)).toEqual(Object.keys(services).filter((service) => service.startsWith('node')));
  const port = allSettings().find(({ key }) => key === 'server.port');
  expect(port).toBeDefined();
  const defaults = load(read('config/default.yaml')) as { server: { port: number } };
  for (const { port: askedPort } of asked) expect(askedPort).toBe(String(defaults.server.port));
});

test('one machine is started unasked, the cluster only with its balancer', () => {
  const { services } = load(read('compose.yaml')) as ComposeFile;
  const unasked = Object.entries(services).filter(([, { profiles }]) => profiles === undefined);
  expect(unasked.map(([name]) => name)).toEqual(['proofsheet']);
  for (const [name, { profiles }] of Object.entries(services))
    if (name !== 'proofsheet') expect(profiles).toEqual(['cluster']);
});
