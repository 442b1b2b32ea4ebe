// The pages of a content: one for people, and one for frames of other pages. No script stands in them.
import type { ViewerOptions } from './scripts.js';

export const BACKGROUNDS = { none: 'none', black: '#000', white: '#fff' } as const;
export type Background = keyof typeof BACKGROUNDS;

export interface ShownPage extends ViewerOptions {
  readonly id: string;
  readonly title: string;
  readonly background: Background;
  /** From the page to the mount, with a slash at the end: `./`, or `../`. */
  readonly root: string;
}

const SHARED_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data: blob:",
  "style-src 'unsafe-inline'",
  "base-uri 'none'",
  "form-action 'none'",
];
export const VIEW_POLICY = [...SHARED_POLICY, "frame-ancestors 'self'"].join('; ');
export const EMBED_POLICY = [...SHARED_POLICY, 'frame-ancestors *'].join('; ');

export function shownPage({ id, title, background, root, fit, constrain }: ShownPage): string {
  const attributes = Object.entries({ content: `${root}v1/content/${id}`, fit, constrain }).flatMap(([name, value]) =>
    value === undefined ? [] : `data-${name}="${escaped(value)}"`,
  );
  const ink = background === 'white' ? '#111' : '#eee';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<link rel="icon" href="data:,">
<link rel="canonical" href="${root}${id}">
<style>html, body { margin: 0; height: 100%; } #viewer { position: fixed; inset: 0; background: ${BACKGROUNDS[background]}; color: ${ink}; }</style>
<script src="${root}scripts/openseadragon.js" defer></script>
<script src="${root}scripts/view.js" defer></script>
</head>
<body>
<main id="viewer" ${attributes.join(' ')} aria-label="${escaped(title)}"></main>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
