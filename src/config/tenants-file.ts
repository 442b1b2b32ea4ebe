// The tenants file: YAML, checked as a whole, every fault told at once and no secret with it; read again when it changes. What it
// holds in secrets is kept as digests, so that comparing takes one time and a dump of memory gives none away but those we sign with.
import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { load as parseYaml } from 'js-yaml';
import { z } from 'zod';
import { tokenDigest } from '../kernel/credentials.js';
import { type Context, parseContext } from '../kernel/image-key.js';
import { EXISTING_RULES } from '../kernel/library/asset.js';
import type { TenantId } from '../kernel/library/ids.js';
import type { Recognised, Tenant } from '../kernel/library/tenant.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Tenants } from '../kernel/ports/tenants.js';
import type { Mark } from '../kernel/recipe/recipe.js';
import { parseHostRule } from '../kernel/source-url.js';
import { ConfigError, type Fault } from './config-error.js';
import { bytes } from './kinds.js';
import { watermarkOf } from './watermark.js';

const POLL_MS = 1_000;
const MAX_FILE_BYTES = 16 * 2 ** 20;
const MAX_TENANTS = 10_000;

const token = z
  .string()
  .regex(/^[A-Za-z0-9._~+/=-]{16,2048}$/, 'expected 16 to 2048 letters, digits and . _ ~ + / = -');
const scope = z.string().regex(/^[\x21-\x7e]{1,100}$/, 'expected a scope of 1 to 100 visible characters');

const ENTRY = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,64}$/, 'expected 1 to 64 of a-z, 0-9 and -'),
  name: z.string().min(1).max(200).optional(),
  context: z.string().refine(isContext, 'expected at most 256 characters, none of them a control character').optional(),
  tokens: z
    .array(z.union([token, z.strictObject({ token, scopes: z.array(scope).max(100) })]))
    .max(1_000)
    .optional(),
  organisationId: z.guid().toLowerCase().optional(),
  apiKey: z.string().min(16).max(512).optional(),
  organizationNumber: z.int().min(1).optional(),
  rootFolderId: z
    .string()
    .regex(/^[A-Za-z0-9]{6}$/, 'expected 6 letters and digits')
    .optional(),
  allowedHosts: z
    .array(z.string().refine(isHostRule, 'expected host, host:port or *.suffix'))
    .min(1)
    .max(1_000)
    .optional(),
  imagesPerDay: z.int().min(1).optional(),
  maxBytes: bytes({ min: 1, max: Number.MAX_SAFE_INTEGER }).schema.optional(),
  webhookSecrets: z.array(z.string().min(16).max(512)).max(10).optional(),
  watermark: z
    .strictObject({
      text: z.string().trim().min(1).max(200).optional(),
      image: z.string().min(1).max(4_096).optional(),
      opacity: z.number().min(0.01).max(1).optional(),
      scale: z.number().min(0.05).max(1).optional(),
    })
    .refine(
      ({ text, image }) => (text === undefined) !== (image === undefined),
      'expected a text or an image, one of them',
    )
    .optional(),
  onExisting: z.enum(EXISTING_RULES).optional(),
});
type Entry = z.infer<typeof ENTRY>;
/** Fields whose values are secret: a fault in one is told without its value, as all are. */
const FILE = z.union([
  z.array(ENTRY).max(MAX_TENANTS),
  z.strictObject({ tenants: z.array(ENTRY).max(MAX_TENANTS) }).transform(({ tenants }) => tenants),
]);

/** What the file says, ready to be asked. */
interface Known {
  readonly tenants: readonly Tenant[];
  readonly byId: ReadonlyMap<string, Tenant>;
  /** Only contexts that one tenant has alone. */
  readonly byContext: ReadonlyMap<string, Tenant>;
  /** By the hex digest of the token. */
  readonly byToken: ReadonlyMap<string, Recognised>;
  /** By the hex digest of organisation and key. */
  readonly byApiKey: ReadonlyMap<string, Recognised>;
}

/** Reads the tenants that `text` describes. Throws `ConfigError` with every fault, as of the file called `name`. */
export function readTenants(text: string, name: string): Known {
  let given: unknown;
  try {
    given = parseYaml(text);
  } catch {
    // The parser's own message quotes the file, and that holds secrets.
    throw new ConfigError([fault(name, 'expected YAML, got something else')]);
  }
  const entries = Array.isArray(given) ? ENTRY_LIST.safeParse(given) : FILE.safeParse(given ?? []);
  if (!entries.success) throw new ConfigError(entries.error.issues.flatMap((issue) => faultsOf(issue, name)));
  const repeated = repeatedIn(entries.data).map((what) => fault(name, what));
  if (repeated.length > 0) throw new ConfigError(repeated);
  return knownOf(entries.data, (entry) => watermarkOf(entry, name));
}
const ENTRY_LIST = z.array(ENTRY).max(MAX_TENANTS);

export class TenantsFile implements Tenants {
  private constructor(
    private readonly path: string,
    private readonly logger: Logger,
    private known: Known,
  ) {
    // By asking, not by events: a file that is replaced by another name, as Kubernetes does it, is seen too.
    watchFile(path, { interval: POLL_MS, persistent: false }, (now, before) => {
      if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino || now.size !== before.size) void this.reload();
    });
  }

  /** Throws `ConfigError` when the file cannot be read or is not as it has to be. */
  static async open(path: string, logger: Logger): Promise<TenantsFile> {
    const known = await read(path);
    logger.info({ tenants: known.tenants.length }, 'tenants read');
    return new TenantsFile(path, logger, known);
  }

  /**
   * What is wrong with the new file is logged, and what was known stays. A list that has become empty is wrong too: it is what a
   * file looks like while it is written, and would shut everybody out. Never rejects.
   */
  async reload(): Promise<void> {
    try {
      const now = await read(this.path);
      if (now.tenants.length === 0 && !this.isEmpty)
        throw new ConfigError([
          fault(this.path, 'expected tenants, got an empty list; to have none, start the server anew'),
        ]);
      this.known = now;
      this.logger.info({ tenants: this.known.tenants.length }, 'tenants read again');
    } catch (error) {
      const reason = error instanceof ConfigError ? error.faults.map(({ what }) => what) : String(error);
      this.logger.error({ reason }, 'the tenants file could not be used; what was known before stays');
    }
  }

  get isEmpty(): boolean {
    return this.known.tenants.length === 0;
  }

  list(): readonly Tenant[] {
    return this.known.tenants;
  }

  byId(id: TenantId): Tenant | undefined {
    return this.known.byId.get(id);
  }

  byContext(context: Context): Tenant | undefined {
    return this.known.byContext.get(context);
  }

  byToken(text: string): Recognised | undefined {
    return this.known.byToken.get(tokenDigest(text).toString('hex'));
  }

  byApiKey(organisationId: string, apiKey: string): Recognised | undefined {
    return this.known.byApiKey.get(keyDigest(organisationId.toLowerCase(), apiKey));
  }

  close(): void {
    unwatchFile(this.path);
  }
}

async function read(path: string): Promise<Known> {
  let text: Buffer;
  try {
    text = await readFile(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new ConfigError([fault(path, `expected a file that can be read, got ${code}`)]);
  }
  if (text.length > MAX_FILE_BYTES)
    throw new ConfigError([fault(path, `expected at most ${MAX_FILE_BYTES} bytes, got ${text.length}`)]);
  return readTenants(text.toString('utf8'), path);
}

function knownOf(entries: readonly Entry[], markOf: (entry: Entry) => Mark | undefined): Known {
  const [byId, byContext] = [new Map<string, Tenant>(), new Map<string, Tenant>()];
  const contexts = new Set<string>();
  const [byToken, byApiKey] = [new Map<string, Recognised>(), new Map<string, Recognised>()];
  const tenants = entries.map((entry) => {
    const tenant = tenantOf(entry, markOf(entry));
    byId.set(tenant.id, tenant);
    if (contexts.has(tenant.context)) byContext.delete(tenant.context);
    else byContext.set(tenant.context, tenant);
    contexts.add(tenant.context);
    for (const given of entry.tokens ?? []) {
      const recognised = typeof given === 'string' ? { tenant } : { tenant, scopes: new Set(given.scopes) };
      byToken.set(tokenDigest(tokenOf(given)).toString('hex'), recognised);
    }
    if (entry.organisationId !== undefined && entry.apiKey !== undefined)
      byApiKey.set(keyDigest(entry.organisationId, entry.apiKey), { tenant });
    return tenant;
  });
  return { tenants, byId, byContext, byToken, byApiKey };
}

function tenantOf(entry: Entry, watermark: Mark | undefined): Tenant {
  const { organisationId, organizationNumber, rootFolderId, allowedHosts, imagesPerDay, maxBytes } = entry;
  return {
    id: entry.id as TenantId,
    name: entry.name ?? entry.id,
    context: parseContext(entry.context ?? entry.id),
    ...(organisationId !== undefined && { organisationId }),
    ...(organizationNumber !== undefined && { organizationNumber }),
    ...(rootFolderId !== undefined && { rootFolderId }),
    ...(allowedHosts !== undefined && { allowedHosts: allowedHosts.map(parseHostRule) }),
    quota: { ...(imagesPerDay !== undefined && { imagesPerDay }), ...(maxBytes !== undefined && { maxBytes }) },
    webhookSecrets: entry.webhookSecrets ?? [],
    ...(watermark && { watermark }),
    onExisting: entry.onExisting ?? 'update',
  };
}

/** What must not stand there twice, or not alone, in words without secrets. */
function repeatedIn(entries: readonly Entry[]): readonly string[] {
  const all: readonly (readonly [name: string, values: readonly (string | number)[]])[] = [
    ['id', entries.map(({ id }) => id)],
    ['organisationId', entries.flatMap(({ organisationId }) => organisationId ?? [])],
    ['organizationNumber', entries.flatMap(({ organizationNumber }) => organizationNumber ?? [])],
    ['token', entries.flatMap(({ tokens = [] }) => tokens.map(tokenOf))],
  ];
  const repeated = all.flatMap(([name, values]) =>
    new Set(values).size === values.length ? [] : [`expected every ${name} once, got one twice`],
  );
  const halves = entries.flatMap((entry, index) =>
    (entry.apiKey === undefined) === (entry.organisationId === undefined)
      ? []
      : [`tenant ${index + 1}: expected organisationId and apiKey, or neither; got one of them`],
  );
  return [...repeated, ...halves];
}

function tokenOf(given: NonNullable<Entry['tokens']>[number]): string {
  return typeof given === 'string' ? given : given.token;
}

function keyDigest(organisationId: string, apiKey: string): string {
  return tokenDigest(`${organisationId} ${apiKey}`).toString('hex');
}

/** The path to what is wrong, and what was expected there; never what was given. */
function faultsOf(issue: z.core.$ZodIssue, name: string): readonly Fault[] {
  if (issue.code === 'invalid_union')
    return issue.errors
      .flatMap((branch) =>
        branch.slice(0, 1).flatMap((inner) => faultsOf({ ...inner, path: [...issue.path, ...inner.path] }, name)),
      )
      .slice(0, 1);
  const path = issue.path
    .filter((part) => part !== 'tenants')
    .map((part) => (typeof part === 'number' ? part + 1 : part));
  const where = path.length === 0 ? 'the file' : `tenant ${path.map(String).join('.')}`;
  const what = issue.code === 'unrecognized_keys' ? `unknown key ${issue.keys.join(', ')}` : issue.message;
  return [fault(name, `${where}: ${what}`)];
}

function fault(name: string, what: string): Fault {
  return { key: 'library.tenants', env: 'PROOFSHEET_TENANTS', what: `${name}: ${what}` };
}

function isContext(text: string): boolean {
  return doesNotThrow(() => parseContext(text));
}

function isHostRule(text: string): boolean {
  return doesNotThrow(() => parseHostRule(text));
}

function doesNotThrow(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}
