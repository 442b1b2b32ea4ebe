// A dialect: one face of the server, with paths, words and failures of its own over the same use cases. Adding one is a folder
// beside this file and a line in registry.ts.
import type { IncomingHttpHeaders } from 'node:http';
import type { Recognised } from '../../kernel/library/tenant.js';
import type { Failure, RenderedFailure } from '../replies/error-map.js';
import type { HeaderPairs } from '../replies/headers.js';
import type { Schema, SecurityScheme } from './description.js';
import type { Route, Verb } from './route.js';

/** What a request of a tenant says before its body is read. */
export interface TenantRequest {
  readonly route: Pick<Route, 'name' | 'scope'>;
  readonly verb: Verb;
  readonly headers: IncomingHttpHeaders;
}

export interface Dialect {
  /** Lower-case with hyphens. */
  readonly name: string;
  /** In front of the path of each route, e.g. `/imageconverter`; begins with a slash and does not end with one. */
  readonly mount: string;
  readonly routes: readonly Route[];
  /** What it is, for documents, in one sentence. */
  readonly summary: string;
  /** The body of a failure as it is rendered; JSON. */
  readonly failureSchema: Schema;
  /**
   * What its clients bring in place of an `Authorization` header, as the text of one; absent where they bring that header.
   * `body`: of routes that take JSON; `url`: path and query as sent.
   */
  credentialsOf?(headers: IncomingHttpHeaders, body: unknown, url: string): string | undefined;
  /**
   * Whether who was recognised may ask this, where that is told by more than the scope of the route alone; what it throws says why not.
   */
  admitTenant?(recognised: Recognised, asked: TenantRequest): void;
  /** How documents tell of those credentials; absent where they are a bearer token. */
  readonly securityScheme?: SecurityScheme;
  /** How it tells a failure. `route`: the one that was asked, where there is one. */
  renderFailure(failure: Failure, route: string | undefined): RenderedFailure;
  /** No client is written for it: documents tell of it apart, in one of its own, and not in that of all. */
  readonly isApart?: boolean;
  /** Headers of all its answers, failures and prepared ones too. */
  readonly headers?: HeaderPairs;
}
