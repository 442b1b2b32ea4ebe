// The pages of a content: one for people, and one for frames of other pages. No script stands in them.
import { escapeHtml } from '../../replies/escape-html.js';
import { viewerPage, viewerPolicy } from '../viewer-page.js';
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

export const VIEW_POLICY = viewerPolicy("'self'");
export const EMBED_POLICY = viewerPolicy('*');

export function shownPage({ id, title, background, root, fit, constrain }: ShownPage): string {
  const attributes = Object.entries({ content: `${root}v1/content/${id}`, fit, constrain }).flatMap(([name, value]) =>
    value === undefined ? [] : `data-${name}="${escapeHtml(value)}"`,
  );
  const ink = background === 'white' ? '#111' : '#eee';
  return viewerPage({
    title,
    scripts: `${root}scripts/`,
    style: `html, body { margin: 0; height: 100%; } #viewer { position: fixed; inset: 0; background: ${BACKGROUNDS[background]}; color: ${ink}; }`,
    head: `<link rel="canonical" href="${root}${id}">\n`,
    body: `<main id="viewer" ${attributes.join(' ')} aria-label="${escapeHtml(title)}"></main>`,
  });
}
