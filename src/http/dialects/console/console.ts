// The console of whoever operates servers: one page that shows them live, and what it asks. Behind the admin's login; what only reads
// changes nothing, and what changes something is two verbs on one failed source.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { compiledProgram } from '../../../kernel/compiled-program.js';
import { OWN_MOUNTS } from '../../../kernel/dialect-names.js';
import { ProofsheetError } from '../../../kernel/errors.js';
import { shownContextOf } from '../../../kernel/image-key.js';
import { plainFailure } from '../../replies/error-map.js';
import { json } from '../../replies/reply.js';
import { queryValue } from '../../url-query.js';
import type { Dialect } from '../dialect.js';
import { WATCHING } from '../for-operators.js';
import { route } from '../route.js';
import { FAILURE, OF_CONTEXTS, OF_PAGE, OF_SCRIPT, SCRIPTS, type ScriptName } from './descriptions.js';
import { refusalRoutes } from './failures.js';
import { live } from './live.js';
import { consolePage, policyOf } from './page.js';
import { pictureRoutes } from './pictures.js';
import { operatorsOf } from './rules.js';
import { work } from './work.js';

const MOST_CONTEXTS = 20;

/** Mounted at `/console`, beside every other dialect. */
export function operatorsConsole(): Dialect {
  return {
    name: 'console',
    mount: OWN_MOUNTS.console,
    routes: [page, script, live, contexts, ...pictureRoutes, ...refusalRoutes, work],
    summary: 'What operators look at: all servers live, contexts, pictures, failures.',
    failureSchema: FAILURE,
    // What its own page asks.
    isApart: true,
    renderFailure: plainFailure,
  };
}

/** `GET /console` */
const page = route<{ readonly base: string }>({
  ...WATCHING,
  name: 'consolePage',
  path: '/',
  isPage: true,
  description: OF_PAGE,
  // What is below the page is found from where it was asked for, whatever a proxy has put in front.
  parse: ({ url }) => ({ base: url.split('?', 1)[0]?.endsWith('/') ? './' : './console/' }),
  run: async ({ base }, { library }) => {
    const nonce = randomBytes(16).toString('base64');
    const html = consolePage(base, nonce, library !== undefined);
    return { kind: 'page', html, contentSecurityPolicy: policyOf(nonce) };
  },
});

/** `GET /console/app/{file}`: the page's own program, which tells nothing of anybody. */
const script = route<{ readonly name: ScriptName }>({
  ...WATCHING,
  opensTo: 'everybody',
  effort: 'stays-open',
  name: 'consoleScript',
  path: '/app/{file}',
  description: OF_SCRIPT,
  parse({ segments: [file = ''] }) {
    const name = SCRIPTS.find((each) => `${each}.js` === file);
    if (name === undefined)
      throw new ProofsheetError(
        'unknown-image-key',
        `expected one of ${SCRIPTS.join(', ')} with .js, got another name`,
      );
    return { name };
  },
  run: async ({ name }) => ({
    kind: 'json',
    text: scriptText(name),
    isKept: true,
    headers: [
      ['Content-Type', 'text/javascript; charset=utf-8'],
      // One program of several files: none of them may be older than the page.
      ['Cache-Control', 'no-cache'],
    ],
  }),
});

/** `GET /console/contexts?by=bytes`: those that have most. */
const contexts = route<{ readonly by: 'bytes' | 'groups' }>({
  ...WATCHING,
  name: 'consoleContexts',
  path: '/contexts',
  description: OF_CONTEXTS,
  parse({ url }) {
    const by = queryValue(url, 'by') ?? 'bytes';
    if (by === 'bytes' || by === 'groups') return { by };
    throw new ProofsheetError('invalid-request-format', 'expected by=bytes or by=groups, got another order');
  },
  run: async ({ by }, use) => {
    const standings = await operatorsOf(use).contexts(by, MOST_CONTEXTS);
    return json({ contexts: standings.map((standing) => ({ ...standing, ...shownContextOf(standing.context) })) });
  },
});

const texts = new Map<ScriptName, string>();

/** The program as it was compiled, read once; what debuggers would look for beside it is not there. */
function scriptText(name: ScriptName): string {
  const known = texts.get(name);
  if (known !== undefined) return known;
  const text = readFileSync(compiledProgram(`browser/${name}`, import.meta.url), 'utf8');
  const served = text.replace(/^\/\/# sourceMappingURL=.*$/m, '');
  texts.set(name, served);
  return served;
}
