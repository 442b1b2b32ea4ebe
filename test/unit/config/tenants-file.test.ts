// The tenants file as an operator meets it: what it takes, what it refuses in which words, and that it is read again.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.js';
import { readTenants, TenantsFile } from '../../../src/config/tenants-file.js';
import type { Context } from '../../../src/kernel/image-key.js';
import type { TenantId } from '../../../src/kernel/library/ids.js';
import { mayDo } from '../../../src/kernel/library/tenant.js';
import { FakeLogger } from '../../support/fake-logger.js';

const TOKEN = 'token-of-the-agency-1';
const READER = 'token-of-a-reader-22';
const KEY = 'key-of-the-museum-3333';
const ORGANISATION = '6f9619ff-8b86-d011-b42d-00c04fc964ff';

const WHOLE = `
- id: agency
  name: An Agency
  context: news
  tokens: ['${TOKEN}', { token: '${READER}', scopes: ['public-api:read'] }]
  allowedHosts: [example.com, 'example.org:8080', '*.cdn.example']
  imagesPerDay: 100
  maxBytes: 10GiB
  webhookSecrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']
  onExisting: skip
- id: museum
  organisationId: ${ORGANISATION.toUpperCase()}
  apiKey: ${KEY}
  organizationNumber: 100
  rootFolderId: aB3dE6
`;

function faultsOf(text: string): readonly string[] {
  try {
    readTenants(text, 'tenants.yaml');
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ what }) => what);
    throw error;
  }
  return [];
}

let dir: string;
let file: TenantsFile | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'proofsheet-tenants-'));
});
afterEach(() => {
  file?.close();
  file = undefined;
  rmSync(dir, { recursive: true });
});

async function opened(text: string): Promise<TenantsFile> {
  const path = join(dir, 'tenants.yaml');
  writeFileSync(path, text);
  file = await TenantsFile.open(path, new FakeLogger());
  return file;
}

describe('a tenants file', () => {
  test('tells tenants by id, context, token and key, each with what it may', async () => {
    const tenants = await opened(WHOLE);
    expect(tenants.isEmpty).toBe(false);
    const agency = tenants.byId('agency' as TenantId);
    expect(agency).toMatchObject({
      name: 'An Agency',
      context: 'news',
      quota: { imagesPerDay: 100, maxBytes: 10 * 2 ** 30 },
      onExisting: 'skip',
      allowedHosts: [
        { host: 'example.com', isSuffix: false },
        { host: 'example.org', port: 8080 },
        { host: 'cdn.example', isSuffix: true },
      ],
    });
    expect(tenants.byContext('news' as Context)).toBe(agency);
    const everything = tenants.byToken(TOKEN);
    expect(everything?.tenant).toBe(agency);
    expect(everything && mayDo(everything, 'public-api:write')).toBe(true);
    const reader = tenants.byToken(READER);
    expect(reader && [mayDo(reader, 'public-api:read'), mayDo(reader, 'public-api:write')]).toEqual([true, false]);
    for (const text of ['', TOKEN.slice(1), `${TOKEN} `, TOKEN.toUpperCase()])
      expect(tenants.byToken(text)).toBeUndefined();
    expect(tenants.byApiKey(ORGANISATION, KEY)?.tenant).toMatchObject({
      id: 'museum',
      context: 'museum',
      name: 'museum',
    });
    expect(tenants.byApiKey(ORGANISATION, TOKEN)).toBeUndefined();
    expect(tenants.list().map(({ onExisting }) => onExisting)).toEqual(['skip', 'update']);
  });

  test('may name the list, and may be empty', async () => {
    expect((await opened('tenants: [{ id: a }]')).list()).toHaveLength(1);
    file?.close();
    expect((await opened('')).isEmpty).toBe(true);
  });

  test.each([
    ['no YAML', ': [', 'expected YAML'],
    ['no id', '- name: a', 'tenant 1.id'],
    ['a bad id', '- id: A B', 'a-z, 0-9 and -'],
    ['an unknown key', '- { id: a, tokn: [] }', 'unknown key tokn'],
    ['a short token', `- { id: a, tokens: [short] }`, 'tenant 1.tokens.1'],
    ['a host that is none', `- { id: a, allowedHosts: ['http://x/'] }`, 'host:port'],
    ['bytes that are none', '- { id: a, maxBytes: many }', 'tenant 1.maxBytes'],
    ['a rule that is none', '- { id: a, onExisting: sometimes }', 'tenant 1.onExisting'],
    ['a key without its organisation', `- { id: a, apiKey: ${KEY} }`, 'organisationId and apiKey'],
    ['an id twice', '[{ id: a }, { id: a }]', 'every id once'],
    ['a token twice', `[{ id: a, tokens: ['${TOKEN}'] }, { id: b, tokens: ['${TOKEN}'] }]`, 'every token once'],
    ['a control character', '- { id: a, context: "a\\0b" }', 'tenant 1.context'],
  ])('with %s is refused, saying where and never what a secret is', (_what, text, expected) => {
    const faults = faultsOf(text);
    expect(faults.join('\n')).toContain(expected);
    for (const secret of [TOKEN, KEY]) expect(faults.join('\n')).not.toContain(secret);
  });

  test('with several faults tells all of them', () => {
    expect(faultsOf('[{ id: A }, { id: b, imagesPerDay: 0 }]')).toHaveLength(2);
  });

  test('that is not there is refused by name', async () => {
    await expect(TenantsFile.open(join(dir, 'none.yaml'), new FakeLogger())).rejects.toThrow('ENOENT');
  });

  test('is read again when it changes, and stays as it was known while it is broken', async () => {
    const tenants = await opened('- id: a');
    const path = join(dir, 'tenants.yaml');
    writeFileSync(path, '- { id: a, tokens: [short] }');
    await tenants.reload();
    expect(tenants.list().map(({ id }) => id)).toEqual(['a']);
    writeFileSync(path, '[{ id: a }, { id: b }]');
    await vi.waitFor(() => expect(tenants.list()).toHaveLength(2), { timeout: 30_000, interval: 50 });
  });

  test('tells nobody by a context that several share', async () => {
    const tenants = await opened('[{ id: a, context: x }, { id: b, context: x }, { id: c, context: x }, { id: d }]');
    expect(tenants.byContext('x' as Context)).toBeUndefined();
    expect(tenants.byContext('d' as Context)?.id).toBe('d');
  });

  test.each([
    ['is empty', (path: string) => writeFileSync(path, ''), 'empty list'],
    ['holds an empty list', (path: string) => writeFileSync(path, 'tenants: []'), 'empty list'],
    ['is gone', (path: string) => rmSync(path), 'ENOENT'],
  ])(
    'that %s when it is read again leaves the tenants as they were, and is logged as an error',
    async (_w, spoil, why) => {
      const path = join(dir, 'tenants.yaml');
      writeFileSync(path, '- id: a');
      const logger = new FakeLogger();
      file = await TenantsFile.open(path, logger);
      spoil(path);
      await file.reload();
      expect(file.list().map(({ id }) => id)).toEqual(['a']);
      expect(JSON.stringify(logger.at('error'))).toContain(why);
    },
  );
});

describe('a watermark', () => {
  const PNG = Buffer.from('89504e470d0a1a0a00', 'hex');
  const tenantWith = (watermark: string) => `- { id: agency, watermark: ${watermark} }`;

  test('is a text, or a PNG that lies beside the file, with what is usual for the rest', async () => {
    const { list } = { list: (known: TenantsFile) => known.list()[0]?.watermark };
    expect(list(await opened(tenantWith("{ text: ' © Agency ' }")))).toMatchObject({
      ...{ kind: 'text', text: '© Agency', opacity: 0.75, scale: 1 },
    });
    file?.close();
    writeFileSync(join(dir, 'mark.png'), PNG);
    expect(list(await opened(tenantWith('{ image: mark.png, opacity: 0.5, scale: 0.25 }')))).toMatchObject({
      ...{ kind: 'image', path: join(dir, 'mark.png'), opacity: 0.5, scale: 0.25, digest: expect.any(String) },
    });
  });

  test.each([
    ['{}', 'tenant 1.watermark: expected a text or an image, one of them'],
    ['{ text: a, image: b }', 'tenant 1.watermark: expected a text or an image, one of them'],
    ['{ text: a, scale: 2 }', 'tenant 1.watermark.scale'],
    ['{ text: a, opacity: 0 }', 'tenant 1.watermark.opacity'],
    ['{ image: none.png }', 'tenant agency: watermark.image: expected a file that can be read, got ENOENT'],
    ['{ image: package.json }', 'tenant agency: watermark.image: expected a PNG, got something else'],
  ])('of %s is refused', (watermark, fault) => {
    expect(faultsOf(tenantWith(watermark)).join()).toContain(fault);
  });
});
