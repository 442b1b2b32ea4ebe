// The HTTP edge over a library in a directory of its own, with tenants, an origin and previews in memory: for tests of the dialects
// of the library. What a worker does in a server, `work` does here, once.
import type { PublicUrl } from '../../src/http/dialects/public-url.js';
import { type DialectSettings, noticeLetters } from '../../src/http/dialects/registry.js';
import type { EdgeDependencies } from '../../src/http/edge-dependencies.js';
import type { EnabledDialect } from '../../src/kernel/dialect-names.js';
import type { ProofsheetError } from '../../src/kernel/errors.js';
import type { Recognised, Tenant } from '../../src/kernel/library/tenant.js';
import type { Tenants } from '../../src/kernel/ports/tenants.js';
import type { Library } from '../../src/library/answers.js';
import { LibraryService } from '../../src/library/library-service.js';
import { WebhookWorker } from '../../src/library/webhook-worker.js';
import { type EdgeServer, startEdgeServer } from './edge-server.js';
import { FakeDrawings } from './fake-drawings.js';
import { FakeZoom } from './fake-zoom.js';
import { FakeTenants, openImportFlow, tenantOf, uploadsOf, webhooksOf } from './import-flow.js';

export const WRITER = 'token-of-a-writer-0001';
export const READER = 'token-of-a-reader-0001';
export const STRANGER = 'token-of-a-stranger-01';

export type LibraryEdge = Awaited<ReturnType<typeof startLibraryEdge>>;

/** `others`: tenants beside the one that `WRITER` and `READER` belong to; `STRANGER` belongs to the first of them. */
export async function startLibraryEdge(
  facts: Partial<Tenant> = {},
  {
    others = [],
    dialects = [{ name: 'livingdocs' }],
    maxItems = 1_000,
    settings = {},
    zoomhub = {},
    more = {},
    publicUrl,
  }: {
    /** Default: where it listens. */
    readonly publicUrl?: PublicUrl;
    readonly zoomhub?: Partial<NonNullable<DialectSettings['zoomhub']>>;
    readonly others?: readonly Tenant[];
    readonly dialects?: readonly EnabledDialect[];
    readonly maxItems?: number;
    readonly settings?: Parameters<typeof startEdgeServer>[0];
    readonly more?: Partial<EdgeDependencies>;
  } = {},
) {
  const tenant = tenantOf(facts);
  const flow = await openImportFlow(tenant);
  /** Why nothing is converted now; a test sets it. */
  const strain: { now: ProofsheetError | undefined } = { now: undefined };
  const drawings = new FakeDrawings(() => undefined);
  const service = new LibraryService({ ...flow, drawings, maxItems, maxOpenImports: 3, strain: () => strain.now });
  const fakes = new FakeTenants([tenant, ...others]);
  const started: { server?: EdgeServer } = {};
  const urlOf: PublicUrl = publicUrl ?? (() => started.server?.origin ?? '');
  const library = {
    library: failing(service, () => started.server?.previews.failNext && takeFault(started.server)),
    tenants: withTokens(fakes, tenant, others[0]),
    jobs: flow.jobs,
    ...uploadsOf(flow),
    ...webhooksOf(flow),
  };
  const server = await startEdgeServer(
    {
      ...settings,
      dialects,
      livingdocs: {
        imageService: 'imgix',
        publicUrl: urlOf,
        permitsPort: (port) => [80, 443].includes(port),
      },
      mediagraph: {
        publicUrl: urlOf,
        permitsPort: (port) => [80, 443].includes(port),
      },
      micrio: {
        publicUrl: urlOf,
        permitsPort: (port) => [80, 443].includes(port),
      },
      zoomhub: {
        tenant: tenant.id,
        takesNew: true,
        takesUploads: false,
        requiresEmail: false,
        publicUrl: urlOf,
        permitsPort: (port) => [80, 443].includes(port),
        version: '1.2.3',
        viewerScript: () => 'var OpenSeadragon;',
        ...zoomhub,
      },
    },
    {
      previews: flow.previews,
      zoom: new FakeZoom(flow.previews),
      clock: flow.clock,
      library,
      ...more,
    },
  );
  started.server = server;
  const { jobs, worker, uploadWorker } = flow;
  const faces = {
    dialects,
    mediagraph: { publicUrl: () => server.origin, permitsPort: (port: number) => [80, 443].includes(port) },
  };
  const letters = noticeLetters(faces);
  const webhooks = new WebhookWorker({
    ...flow,
    share: () => 0.5,
    letterOf: (facts) => letters(facts, library),
  });
  return {
    ...flow,
    server,
    tenant,
    /** As the tenants file says it now. */
    fakes,
    service,
    strain,
    /** Runs what is due until nothing is. */
    async work(kind: 'import-item' | 'upload' | 'webhook' = 'import-item'): Promise<void> {
      for (;;) {
        const claims = await jobs.claim({ kind, limit: 100, leaseMs: 60_000 });
        if (claims.length === 0) return;
        for (const claim of claims) {
          const giveUp = new AbortController().signal;
          const hold = { lost: giveUp, giveUp, note: async (): Promise<void> => undefined };
          const ending = await { webhook: webhooks, upload: uploadWorker, 'import-item': worker }[kind].run(
            claim,
            hold,
          );
          if (ending.kind === 'done') await jobs.finish(claim, ending.effects);
          else await jobs.retryAt(claim, ending.at, ending.retry);
        }
      }
    },
    async close(): Promise<void> {
      await server.close();
      await flow.dispose();
    },
  };
}

function takeFault(server: EdgeServer): Error {
  const error = server.previews.failNext;
  server.previews.failNext = undefined;
  return error ?? new Error('expected a fault');
}

/** The same library, whose next call fails as it is told. */
export function failing(library: Library, fault: () => Error | undefined): Library {
  return new Proxy(library, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        const error = fault();
        if (error) throw error;
        return Reflect.apply(value, target, args);
      };
    },
  });
}

function withTokens(tenants: Tenants, tenant: Tenant, stranger: Tenant | undefined): Tenants {
  const known = new Map<string, Recognised>([
    [WRITER, { tenant, scopes: new Set(['public-api:write']) }],
    [READER, { tenant, scopes: new Set(['public-api:read']) }],
    [`${READER}${WRITER}`, { tenant }],
  ]);
  if (stranger) known.set(STRANGER, { tenant: stranger });
  return new Proxy(tenants, {
    get: (target, name) => {
      if (name === 'byToken') return (token: string) => known.get(token);
      if (name === 'byApiKey')
        return (id: string, key: string) => (id === tenant.organisationId ? known.get(key) : undefined);
      return Reflect.get(target, name);
    },
  });
}

/** A token for everything. */
export const BOTH = `${READER}${WRITER}`;
