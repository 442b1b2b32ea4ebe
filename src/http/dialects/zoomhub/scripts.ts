// What runs in pages that show ZoomHub's contents: our own view and embed pages, and pages of others. Nothing is loaded from elsewhere.

/** How a viewer is set up, as query and attributes have it. */
export interface ViewerOptions {
  readonly fit?: 'contain' | 'cover';
  readonly constrain?: 'zoom' | 'full';
}

/**
 * `proofsheetShow(place, content, options)` in JavaScript: shows the content at the URL `content` in the element `place`, waits for it
 * while it is being made, and says so where it fails.
 */
const SHOW = `
const proofsheetShow = (place, content, { fit, constrain }) => {
  const say = (text) => {
    const told = place.querySelector('[role=status]') || place.appendChild(document.createElement('p'));
    told.setAttribute('role', 'status');
    told.style.cssText = 'margin:0;padding:16px;box-sizing:border-box;min-height:100%;display:grid;place-content:center;font:15px/1.4 system-ui,sans-serif;text-align:center';
    told.textContent = text;
  };
  const look = async () => {
    const answer = await fetch(content).catch(() => undefined);
    const { ready, failed, dzi } = answer && answer.ok ? await answer.json() : {};
    if (failed) return say('This picture could not be processed.');
    if (!ready) {
      say('This picture is being processed\\u2026');
      return void setTimeout(look, 2000);
    }
    place.textContent = '';
    const viewer = OpenSeadragon({
      element: place,
      tileSources: dzi.url,
      showNavigationControl: false,
      crossOriginPolicy: 'Anonymous',
      tileRetryMax: 20,
      tileRetryDelay: 3000,
      timeout: 120000,
      homeFillsViewer: fit === 'cover',
      ...(constrain && { minZoomImageRatio: 1 }),
      ...(constrain === 'full' && { visibilityRatio: 1, constrainDuringPan: true }),
    });
    viewer.addHandler('open-failed', () => say('This picture could not be opened.'));
    place.proofsheetViewer = viewer;
  };
  look();
};
`;

/** Of our own pages: what to show stands in the attributes of `#viewer`. */
export const VIEW_SCRIPT = `'use strict';
(() => {
${SHOW}
  const place = document.getElementById('viewer');
  const { content, fit, constrain } = place.dataset;
  proofsheetShow(place, content, { fit, constrain });
})();
`;

/** Of pages of others: puts an element beside the script that asked for it. `facts`: JSON that is a part of a script. */
export function embedScript(facts: string): string {
  return `(() => {
'use strict';
const facts = ${facts};
${SHOW}
  const script = document.currentScript;
  const place = document.createElement('div');
  place.className = '__zoomhub __seadragon';
  place.id = facts.element;
  place.style.cssText = facts.style;
  if (script && script.parentNode && script.parentNode !== document.head) script.after(place);
  else document.body.append(place);
  const show = () => proofsheetShow(place, facts.content, facts.options);
  if (window.OpenSeadragon) return show();
  const loading = document.querySelector('script[data-proofsheet-viewer]') || document.createElement('script');
  loading.addEventListener('load', show);
  if (loading.isConnected) return;
  loading.src = facts.viewer;
  loading.dataset.proofsheetViewer = '';
  document.head.append(loading);
})();
`;
}
