// What the API documents are served as: by path, with the headers of their answers; made when somebody asks for the first time.
import { createHash } from 'node:crypto';
import { OWN_MOUNTS } from '../../kernel/dialect-names.js';
import type { Dialect } from '../dialects/dialect.js';
import { listsTag } from '../replies/conditional.js';
import type { HeaderPairs } from '../replies/headers.js';
import { type DocumentedServer, openApiDocument } from './document.js';
import { readingPage } from './reading-page.js';

/** All dialects in one document, but those that stand apart. */
export const DOCUMENT_PATH = `${OWN_MOUNTS.openapi}.json`;
/** The same as a page. */
export const PAGE_PATH = OWN_MOUNTS.openapi;

/** The answer of a document to a request with this `If-None-Match`. */
export type ServedDocument = (ifNoneMatch: string | undefined) => {
  readonly status: 200 | 304;
  readonly headers: HeaderPairs;
  readonly body: readonly Buffer[];
};

/** By path: the document of all, its page, and `/openapi/NAME.json` of each dialect. */
export function documentsOf(
  dialects: readonly Dialect[],
  server: DocumentedServer,
): Readonly<Record<string, ServedDocument>> {
  const whole = () =>
    openApiDocument(
      dialects.filter(({ isApart = false }) => !isApart),
      server,
    );
  const ofOne = (dialect: Dialect) => openApiDocument([dialect], { ...server, withProbes: false });
  const alone = dialects.map(({ name }) => ({ name, path: `${PAGE_PATH}/${name}.json` }));
  return {
    [DOCUMENT_PATH]: once(() => served('application/json', JSON.stringify(whole()))),
    [PAGE_PATH]: once(() => {
      const { html, contentSecurityPolicy } = readingPage(whole(), DOCUMENT_PATH, alone);
      return served('text/html; charset=utf-8', html, [['Content-Security-Policy', contentSecurityPolicy]]);
    }),
    ...Object.fromEntries(
      dialects.map((dialect) => [
        `${PAGE_PATH}/${dialect.name}.json`,
        once(() => served('application/json', JSON.stringify(ofOne(dialect)))),
      ]),
    ),
  };
}

function served(contentType: string, text: string, more: HeaderPairs = []): ServedDocument {
  const body = Buffer.from(text);
  const etag = `"${createHash('sha256').update(body).digest('hex')}"`;
  const kept: HeaderPairs = [
    ['Cache-Control', 'no-cache'],
    ['ETag', etag],
    ['X-Content-Type-Options', 'nosniff'],
    ...more,
  ];
  const headers: HeaderPairs = [['Content-Type', contentType], ['Content-Length', String(body.length)], ...kept];
  return (ifNoneMatch) =>
    ifNoneMatch !== undefined && listsTag(ifNoneMatch, etag)
      ? { status: 304, headers: kept, body: [] }
      : { status: 200, headers, body: [body] };
}

/** Made at the first question, and kept. */
function once(make: () => ServedDocument): ServedDocument {
  let made: ServedDocument | undefined;
  return (ifNoneMatch) => {
    made ??= make();
    return made(ifNoneMatch);
  };
}
