// The chart in deploy/helm as helm itself takes and renders it, with what the middleware of App Suite and Kubernetes expect of it.
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load-config.js';
import { allSettings } from '../../src/config/schema.js';
import { requireHelm } from '../support/helm.js';
import { run } from '../support/processes.js';
import type { Program } from '../support/tools.js';

const CHART = new URL('../../deploy/helm/proofsheet', import.meta.url).pathname;
const SLOW = { timeout: 120_000 };

/** As much of a manifest as is looked at. */
// biome-ignore lint/suspicious/noExplicitAny: manifests of many kinds, each looked at in a few places.
type Manifest = any;

let helm: Program;
beforeAll(async () => {
  helm = await requireHelm();
}, 600_000);

const flags = (values: Readonly<Record<string, string>>) =>
  Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`]);

async function render(values: Readonly<Record<string, string>> = {}): Promise<ReadonlyMap<string, Manifest>> {
  const { stdout } = await run(helm, ['template', 'suite', CHART, '--namespace', 'mail', ...flags(values)]);
  return new Map((loadAll(stdout) as Manifest[]).filter(Boolean).map((manifest) => [manifest.kind, manifest]));
}

const podOf = (manifests: ReadonlyMap<string, Manifest>) => manifests.get('Deployment').spec.template.spec;
const containerOf = (manifests: ReadonlyMap<string, Manifest>) => podOf(manifests).containers[0];
const environmentOf = (manifests: ReadonlyMap<string, Manifest>): Record<string, string> =>
  Object.fromEntries(containerOf(manifests).env.map(({ name, value }: Record<string, string>) => [name, value]));

const EVERYTHING = {
  'cluster.enabled': 'true',
  'cluster.redisUrl': 'redis://redis:6379',
  'autoscaling.enabled': 'true',
  'networkPolicy.enabled': 'true',
  'serviceMonitor.enabled': 'true',
  'tls.secretName': 'tls',
  'properties.configMap': 'imageconverter',
  'environmentFromSecrets[0]': 'proofsheet',
  'environment.PROOFSHEET_LOG_LEVEL': 'warn',
};

describe('the chart', () => {
  it.each([
    ['its defaults', {}],
    ['everything on', EVERYTHING],
  ])('with %s passes the strict lint', SLOW, async (_what, values) => {
    const { stdout } = await run(helm, ['lint', '--strict', CHART, ...flags(values)]);
    expect(stdout).toContain('1 chart(s) linted, 0 chart(s) failed');
  });

  it('by default is one server with a volume of its own, where the middleware looks for it', SLOW, async () => {
    const manifests = await render({ serviceName: 'core-imageconverter' });
    expect([...manifests.keys()].toSorted()).toEqual(['Deployment', 'PersistentVolumeClaim', 'Service']);
    const service = manifests.get('Service');
    expect(service.metadata.name).toBe('core-imageconverter');
    expect(service.spec.ports).toEqual([
      { name: 'http', port: 8005, targetPort: 'http' },
      { name: 'http-live', port: 8018, targetPort: 'http-live' },
    ]);
    const { labels } = manifests.get('Deployment').spec.template.metadata;
    expect(labels).toMatchObject(service.spec.selector);
    // Two servers must not share the volume, not even while one takes the place of the other.
    expect(manifests.get('Deployment').spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
    expect(podOf(manifests).volumes[0].persistentVolumeClaim.claimName).toBe(
      manifests.get('PersistentVolumeClaim').metadata.name,
    );
  });

  it('starts the server with settings that it has, on ports that it is asked on', SLOW, async () => {
    for (const values of [{}, EVERYTHING]) {
      const manifests = await render(values);
      const environment = environmentOf(manifests);
      const known = new Set(allSettings().map(({ setting }) => setting.env));
      expect(Object.keys(environment).filter((name) => !known.has(name))).toEqual([]);
      const { PROOFSHEET_OX_PROPERTIES: _, ...rest } = environment;
      const { server } = loadConfig({ environment: rest });
      const ports = new Map(
        containerOf(manifests).ports.map(({ name, containerPort }: Record<string, unknown>) => [name, containerPort]),
      );
      expect([ports.get('http'), ports.get('http-live'), ports.get('https')]).toEqual([
        server.port,
        server.healthPort,
        server.tlsPort,
      ]);
      for (const { targetPort } of manifests.get('Service').spec.ports) expect(ports.has(targetPort)).toBe(true);
      // Kubernetes would set PROOFSHEET_PORT to the address of a Service named proofsheet.
      expect(podOf(manifests).enableServiceLinks).toBe(false);
      expect(podOf(manifests).terminationGracePeriodSeconds * 1_000).toBeGreaterThan(server.drainTimeoutMs);
    }
  });

  it('runs without rights: its user, its group, nothing to write but volumes', SLOW, async () => {
    const manifests = await render(EVERYTHING);
    expect(podOf(manifests).securityContext).toMatchObject({ runAsNonRoot: true, runAsGroup: 1000, fsGroup: 1000 });
    expect(containerOf(manifests).securityContext).toMatchObject({
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    });
    const volumes = podOf(manifests).volumes.map(({ name }: { name: string }) => name);
    const mounts = containerOf(manifests).volumeMounts.map(({ name }: { name: string }) => name);
    expect(mounts.toSorted()).toEqual(volumes.toSorted());
    expect(environmentOf(manifests).PROOFSHEET_DATA_DIR).toBe(containerOf(manifests).volumeMounts[0].mountPath);
  });

  it('as a cluster has what a cluster needs, all of it about the same pods', SLOW, async () => {
    const manifests = await render(EVERYTHING);
    expect([...manifests.keys()].toSorted()).toEqual([
      'Deployment',
      'HorizontalPodAutoscaler',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'Service',
      'ServiceMonitor',
    ]);
    const { selector, replicas } = manifests.get('Deployment').spec;
    expect(replicas).toBeUndefined();
    expect(manifests.get('PodDisruptionBudget').spec.selector).toEqual(selector);
    expect(manifests.get('NetworkPolicy').spec.podSelector).toEqual(selector);
    expect(manifests.get('ServiceMonitor').spec.selector).toEqual(selector);
    expect(manifests.get('ServiceMonitor').spec.endpoints[0]).toMatchObject({ port: 'http-live', path: '/metrics' });
    expect(manifests.get('HorizontalPodAutoscaler').spec.scaleTargetRef.name).toBe(
      manifests.get('Deployment').metadata.name,
    );
    expect(environmentOf(manifests)).toMatchObject({
      PROOFSHEET_REDIS_URL: 'redis://redis:6379',
      PROOFSHEET_LOG_LEVEL: 'warn',
      PROOFSHEET_TLS_CERT: join('/tls', 'tls.crt'),
    });
  });

  it.each([
    [{ replicaCount: '2' }, /expected cluster\.enabled for more than one replica/],
    [{ 'autoscaling.enabled': 'true' }, /expected cluster\.enabled for autoscaling/],
    [{ 'cluster.enabled': 'true' }, /expected cluster\.redisUrl/],
  ])('refuses %j, and says why', SLOW, async (values, reason) => {
    await expect(render(values)).rejects.toThrow(reason);
  });
});
