// The page that shows a picture to zoom into: OpenSeadragon over the descriptor, from this server alone, without a script in the page.
import { escapeHtml } from '../../replies/escape-html.js';
import { pageSuffix } from '../deep-zoom.js';
import { viewerPage } from '../viewer-page.js';

const STYLE = `
:root { color-scheme: light dark; --back: #f4f4f2; --ink: #1b1b1b; --edge: #8886; }
@media (prefers-color-scheme: dark) { :root { --back: #161616; --ink: #eee; } }
html, body { margin: 0; height: 100%; background: var(--back); color: var(--ink); font: 15px/1.4 system-ui, sans-serif; }
#viewer { position: fixed; inset: 0; }
nav { position: fixed; top: 12px; left: 12px; display: flex; gap: 6px; z-index: 1; }
#pages { left: auto; right: 12px; align-items: center; }
#pages span { background: var(--back); border: 1px solid var(--edge); border-radius: 8px; padding: 9px 10px; }
#pages a { display: grid; place-items: center; text-decoration: none; box-sizing: border-box; }
button, a { width: 40px; height: 40px; border: 1px solid var(--edge); border-radius: 8px; background: var(--back); color: var(--ink);
  font-size: 20px; line-height: 1; cursor: pointer; }
button:focus-visible, a:focus-visible { outline: 3px solid #3b82f6; }
#problem { position: fixed; inset: auto 12px 12px; margin: 0; }
`;

export interface Shown {
  /** Between the mount and the name. */
  readonly folders: readonly string[];
  /** Without a page. */
  readonly name: string;
  readonly title: string;
  readonly page: number;
  readonly pages: number;
}

export function viewPage({ folders, name, title, page, pages }: Shown): string {
  // The page lies below `view` and the folders.
  const up = '../'.repeat(folders.length + 1);
  const file = (of: number) => encodeURIComponent(name) + pageSuffix(of);
  const descriptor = `${up}${folders.map(encodeURIComponent).join('/')}/${file(page)}.dzi`;
  const link = (to: number, label: string, sign: string): string =>
    to < 1 || to > pages ? '' : `<a href="${escapeHtml(file(to))}" aria-label="${label}">${sign}</a>\n`;
  const turning =
    pages === 1
      ? ''
      : `<nav id="pages" aria-label="Pages">\n${link(page - 1, 'Previous page', '&#8249;')}<span>${page} / ${pages}</span>\n${link(page + 1, 'Next page', '&#8250;')}</nav>\n`;
  const body = `<nav aria-label="Zoom">
<button id="in" type="button" aria-label="Zoom in">+</button>
<button id="out" type="button" aria-label="Zoom out">&minus;</button>
<button id="home" type="button" aria-label="Whole picture">&#8962;</button>
<button id="full" type="button" aria-label="Full page">&#10530;</button>
</nav>
${turning}<main id="viewer" data-descriptor="${escapeHtml(descriptor)}" aria-label="${escapeHtml(title)}"></main>
<p id="problem" role="alert" hidden></p>`;
  return viewerPage({ title, scripts: `${up}scripts/viewer/`, style: STYLE, body });
}

/** What runs in the page. Tiles that are still being made are asked for again. */
export const PAGE_SCRIPT = `'use strict';
(() => {
  const place = document.getElementById('viewer');
  const viewer = OpenSeadragon({
    element: place,
    tileSources: place.dataset.descriptor,
    showNavigationControl: false,
    crossOriginPolicy: 'Anonymous',
    tileRetryMax: 20,
    tileRetryDelay: 3000,
    timeout: 120000,
    maxZoomPixelRatio: 4,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
  });
  const on = (id, act) => document.getElementById(id).addEventListener('click', act);
  on('in', () => viewer.viewport.zoomBy(2).applyConstraints());
  on('out', () => viewer.viewport.zoomBy(0.5).applyConstraints());
  on('home', () => viewer.viewport.goHome());
  on('full', () => viewer.setFullScreen(!viewer.isFullPage()));
  viewer.addHandler('open-failed', ({ message }) => {
    const problem = document.getElementById('problem');
    problem.textContent = message;
    problem.hidden = false;
  });
  window.proofsheetViewer = viewer;
})();
`;
