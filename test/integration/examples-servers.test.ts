// The examples that stand around a server: proxies in front of it, what watches it, and Nextcloud's settings; each is started as it stands in
// examples/, but for names and ports, and what runs in containers alone is held to what it is mounted with.
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allSettings } from '../../src/config/schema.js';
import { type Command, startDaemons } from '../support/daemons.js';
import { readDocument } from '../support/documents.js';
import { eventually } from '../support/gate.js';
import { freePort } from '../support/ports.js';
import { run } from '../support/processes.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';
import { requireTool } from '../support/tools.js';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));
const example = (path: string) => readFile(join(EXAMPLES, path), 'utf8');

let dir: TempDir;
let server: ServerProcess;
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  server?.kill('SIGKILL');
  await server?.gone;
  await dir.remove();
});

const serve = async (environment: Record<string, string> = {}) => {
  server = await startServerProcess({ PROOFSHEET_DATA_DIR: join(dir.path, 'data'), ...environment });
};

/** Each starts one proxy in front of the server, listening at the port. */
const PROXIES: Readonly<Record<string, (port: number) => Promise<Command>>> = {
  nginx: async (port) => {
    const site = (await example('proxies/nginx.conf'))
      .replace('server 127.0.0.1:8005;', `server ${new URL(server.origin).host};`)
      .replace('listen 8080;', `listen 127.0.0.1:${port};`);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (kind) => `${kind}_temp_path ${join(dir.path, kind)};`,
    );
    const path = join(dir.path, 'nginx.conf');
    await writeFile(
      path,
      `daemon off; user ${userInfo().username}; worker_processes 1; pid ${dir.path}/pid; error_log stderr;
       events { worker_connections 512; }
       http { access_log off; ${temporary.join(' ')} ${site} }`,
    );
    return [await requireTool('nginx'), '-e', 'stderr', '-p', dir.path, '-c', path];
  },
  caddy: async (port) => {
    const file = (await example('proxies/Caddyfile'))
      .replace('{$PROOFSHEET_SITE::8080}', `http://127.0.0.1:${port}`)
      .replace('{$PROOFSHEET_UPSTREAM:127.0.0.1:8005}', new URL(server.origin).host);
    const path = join(dir.path, 'Caddyfile');
    await writeFile(path, file);
    return [await requireTool('caddy'), 'run', '--adapter', 'caddyfile', '--config', path];
  },
};

describe.each(Object.entries(PROXIES))('%s in front', (name, commandOf) => {
  it('hands on uploads and reads, hides figures, and counts clients by their own addresses', {
    timeout: 180_000,
  }, async () => {
    await serve({
      PROOFSHEET_TRUST_PROXY_HOPS: '1',
      PROOFSHEET_ADMIN_PASSWORD: 'correct horse',
      PROOFSHEET_LOGIN_FAILURES_PER_MINUTE: '1',
    });
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    const keys = `${origin}/imageconverter/getKeyCount`;
    await startDaemons(`${name} answers`, [await commandOf(port)], async () => (await fetch(keys)).ok);
    const body = new Uint8Array(await jpegOf(640, 480));
    const put = await fetch(`${origin}/imageconverter/cacheImage/a%20key`, { method: 'PUT', body });
    expect(put.status).toBe(200);
    const read = await fetch(`${origin}/imageconverter/getImage/a%20key/200x150`);
    expect([read.status, read.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    const tag = read.headers.get('etag') ?? '';
    const again = await fetch(`${origin}/imageconverter/getImage/a%20key/200x150`, {
      headers: { 'If-None-Match': tag },
    });
    expect(again.status).toBe(304);
    for (const path of ['metrics', 'healthz', 'readyz', 'metrics/', 'readyz;jsessionid=1'])
      expect([path, (await fetch(`${origin}/${path}`)).status]).toEqual([path, 404]);

    // A client that names another address is taken for no other.
    const login = (password: string, claimed: string) => ({
      headers: {
        Authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`,
        'X-Forwarded-For': claimed,
      },
    });
    // The console's events come as they happen, not when a buffer is full or the stream ends.
    const live = await fetch(`${origin}/console/live`, login('correct horse', '192.0.2.3'));
    const first = await live.body?.getReader().read();
    expect(Buffer.from(first?.value ?? []).toString()).toContain('data:');
    const list = `${origin}/imageconverter/getKeys`;
    expect((await fetch(list, login('wrong', '192.0.2.1'))).status).toBe(401);
    expect((await fetch(list, login('correct horse', '192.0.2.2'))).status).toBe(429);
  });
});

interface ComposeFile {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly build?: string;
        readonly environment?: Readonly<Record<string, string | null>>;
        readonly volumes: readonly string[];
      }
    >
  >;
}

describe.each(['monitoring', 'nextcloud'])('compose of %s', (name) => {
  it('names settings and mounts files that there are, and holds no secret', async () => {
    const { services } = load(await example(`${name}/compose.yaml`)) as ComposeFile;
    const known = allSettings().map(({ setting }) => setting);
    const variables = Object.entries(services.proofsheet?.environment ?? {});
    expect(variables.length).toBeGreaterThan(2);
    for (const [variable, value] of variables) {
      const setting = known.find(({ env }) => env === variable);
      expect(setting, variable).toBeDefined();
      expect(setting?.secret === true && value !== null && !value.startsWith('${'), variable).toBe(false);
    }
    const mounted = Object.values(services)
      .flatMap(({ volumes }) => volumes)
      .filter((volume) => volume.startsWith('.'));
    expect(mounted.length).toBeGreaterThan(0);
    for (const volume of mounted)
      expect([volume, existsSync(join(EXAMPLES, name, volume.split(':')[0] ?? ''))]).toEqual([volume, true]);
  });
});

describe('Prometheus and Grafana', () => {
  it('Prometheus takes the file as it is, scrapes the server, works by the rules, and answers whatever the board asks', {
    timeout: 180_000,
  }, async () => {
    const healthPort = await freePort();
    await serve({ PROOFSHEET_HEALTH_PORT: String(healthPort), PROOFSHEET_PUBLIC_METRICS: 'false' });
    const file = await example('monitoring/prometheus.yml');
    // As the container has them: side by side.
    await writeFile(join(dir.path, 'rules.yml'), readDocument('deploy/monitoring/rules.yml'));
    await writeFile(join(dir.path, 'prometheus.yml'), file);
    await run(await requireTool('promtool'), ['check', 'config', join(dir.path, 'prometheus.yml')]);
    await writeFile(
      join(dir.path, 'prometheus.yml'),
      file.replace('proofsheet:8018', `127.0.0.1:${healthPort}`).replaceAll('15s', '1s'),
    );
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    await mkdir(join(dir.path, 'tsdb'));
    const args = [
      `--config.file=${join(dir.path, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir.path, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    const prometheus = await requireTool('prometheus');
    await startDaemons(
      'Prometheus is ready',
      [[prometheus, ...args]],
      async () => (await fetch(`${origin}/-/ready`)).ok,
    );
    const query = async (expression: string) =>
      (await (await fetch(`${origin}/api/v1/query?${new URLSearchParams({ query: expression })}`)).json()) as {
        readonly status: string;
        readonly data?: { readonly result: readonly unknown[] };
      };
    await eventually(
      async () => ((await query('up{job="proofsheet"} == 1')).data?.result.length ?? 0) === 1,
      'a scrape',
    );
    const { data } = (await (await fetch(`${origin}/api/v1/rules`)).json()) as {
      readonly data: { readonly groups: readonly { readonly name: string }[] };
    };
    expect(data.groups.map((group) => group.name)).toContain('proofsheet-alerts');
    const board = JSON.parse(readDocument('deploy/monitoring/grafana-dashboard.json')) as {
      readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
    };
    const asked = board.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(asked.length).toBeGreaterThan(5);
    for (const expr of asked) {
      const plain = expr.replaceAll('$job', '.*').replaceAll('$__rate_interval', '1m');
      expect([expr, (await query(plain)).status]).toEqual([expr, 'success']);
    }
  });

  it('Grafana finds its source and its board where they are mounted', async () => {
    const { services } = load(await example('monitoring/compose.yaml')) as ComposeFile;
    const volumes = services.grafana?.volumes ?? [];
    const places = volumes.map((volume) => volume.split(':')[1] ?? '');
    const { datasources } = load(await example('monitoring/provisioning/datasources/prometheus.yml')) as {
      readonly datasources: readonly { readonly type: string; readonly url: string; readonly isDefault: boolean }[];
    };
    expect(datasources).toMatchObject([{ type: 'prometheus', isDefault: true }]);
    expect(Object.keys(services)).toContain(new URL(datasources[0]?.url ?? '').hostname);
    const { providers } = load(await example('monitoring/provisioning/dashboards/proofsheet.yml')) as {
      readonly providers: readonly { readonly options: { readonly path: string } }[];
    };
    expect(places).toContain('/etc/grafana/provisioning');
    expect(places.filter((place) => place.startsWith(`${providers[0]?.options.path}/`))).toHaveLength(1);
    // The board asks whichever source of this type is the default.
    const [source] = (
      JSON.parse(readDocument('deploy/monitoring/grafana-dashboard.json')) as {
        readonly templating: { readonly list: readonly { readonly type: string; readonly query: string }[] };
      }
    ).templating.list;
    expect(source).toMatchObject({ type: 'datasource', query: datasources[0]?.type });
  });
});

describe("Nextcloud's settings", () => {
  /** Reads the settings as Nextcloud does, and asks for a preview as its provider does. */
  const CLIENT = `
    require $argv[1];
    $operations = [['operation' => 'autorotate'], ['operation' => 'fit', 'params' => ['width' => 256, 'height' => 256, 'type' => $CONFIG['preview_format']]]];
    $query = http_build_query(['operations' => json_encode($operations), 'key' => $CONFIG['preview_imaginary_key']]);
    $handle = curl_init($CONFIG['preview_imaginary_url'] . "/pipeline?$query");
    curl_setopt_array($handle, [CURLOPT_CUSTOMREQUEST => 'POST', CURLOPT_POSTFIELDS => file_get_contents($argv[2]), CURLOPT_RETURNTRANSFER => true]);
    $body = curl_exec($handle);
    echo json_encode(['status' => curl_getinfo($handle, CURLINFO_RESPONSE_CODE), 'body' => base64_encode($body), 'providers' => $CONFIG['enabledPreviewProviders']]);
  `;

  it('have its provider get a picture from the port of imaginary, by the token that both were given', {
    timeout: 120_000,
  }, async () => {
    const { services } = load(await example('nextcloud/compose.yaml')) as ComposeFile;
    const token = 'token-of-nextcloud-0001';
    const port = await freePort();
    const given = Object.entries(services.proofsheet?.environment ?? {}).map(
      ([name, value]) => [name, (value ?? '').replace(/^\$\{PROOFSHEET_TOKEN:.*\}$/, token)] as const,
    );
    await serve({ ...Object.fromEntries(given), PROOFSHEET_IMAGINARY_PORT: String(port) });
    const source = join(dir.path, 'photo.jpg');
    await writeFile(source, await jpegOf(640, 480));
    const ask = async (by: string) => {
      const env = {
        PATH: process.env.PATH ?? '',
        PROOFSHEET_IMAGINARY_URL: `http://127.0.0.1:${port}`,
        PROOFSHEET_TOKEN: by,
      };
      const args = ['-r', CLIENT, join(EXAMPLES, 'nextcloud/proofsheet.config.php'), source];
      const { stdout } = await run(await requireTool('php'), args, { env });
      return JSON.parse(stdout) as { status: number; body: string; providers: string[] };
    };
    const { status, body, providers } = await ask(token);
    expect(status).toBe(200);
    const { format, width, height } = await sharp(Buffer.from(body, 'base64')).metadata();
    expect([format, width, height]).toEqual(['jpeg', 256, 192]);
    expect(providers).toContain('OC\\Preview\\Imaginary');
    expect((await ask('another-token-0001')).status).toBe(401);
  });
});
