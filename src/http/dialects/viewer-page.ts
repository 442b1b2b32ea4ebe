// What the pages that show a picture to zoom into have in common: their frame, their policy, and the scripts beside them. No script stands
// in a page.
import { ProofsheetError } from '../../kernel/errors.js';
import { escapeHtml } from '../replies/escape-html.js';
import type { RouteDescription } from './description.js';
import { READS, type Route, route } from './route.js';

/** Nothing from elsewhere; OpenSeadragon styles its own elements, and asks for tiles as pictures or by fetch. `framedBy`: who may show it in a frame. */
export function viewerPolicy(framedBy: "'self'" | '*'): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data: blob:",
    "style-src 'unsafe-inline'",
    `frame-ancestors ${framedBy}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

export interface ViewerPage {
  readonly title: string;
  /** From the page to the folder of its scripts, with a slash at the end. */
  readonly scripts: string;
  readonly style: string;
  /** HTML. */
  readonly head?: string;
  /** HTML. */
  readonly body: string;
}

export function viewerPage({ title, scripts, style, head = '', body }: ViewerPage): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
${head}<style>${style}</style>
<script src="${scripts}openseadragon.js" defer></script>
<script src="${scripts}view.js" defer></script>
</head>
<body>
${body}
</body>
</html>
`;
}

/** The two scripts of such a page. `path`: of one of them, its name `{script}`. */
export function scriptRoute(
  rules: { readonly name: string; readonly path: string; readonly description: RouteDescription },
  viewer: () => string,
  ofPage: string,
): Route {
  const scripts: Readonly<Record<string, () => string>> = { 'openseadragon.js': viewer, 'view.js': () => ofPage };
  return route<{ readonly script: () => string }>({
    ...READS,
    ...rules,
    opensTo: 'everybody',
    parse({ segments: [name = ''] }) {
      const script = Object.hasOwn(scripts, name) ? scripts[name] : undefined;
      if (script === undefined)
        throw new ProofsheetError(
          'unknown-image-key',
          `expected one of ${Object.keys(scripts).join(', ')}, got something else`,
        );
      return { script };
    },
    run: async ({ script }) => ({
      kind: 'json',
      text: script(),
      isKept: true,
      headers: [['Content-Type', 'text/javascript; charset=utf-8']],
    }),
  });
}
