// The page of the console: everything that does not change. Its program fills in the figures, in places that are there already, so that
// nothing moves when they come. Pure.
import { createHash } from 'node:crypto';
import { CONSOLE_STYLE } from './style.js';

const STYLE_DIGEST = createHash('sha256').update(CONSOLE_STYLE).digest('base64');

/** Our own style sheet, our own program (its modules have the nonce of the first), and answers of this server: nothing else. */
export function policyOf(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'sha256-${STYLE_DIGEST}'`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}

const FACTS = [
  ['requests', 'Requests'],
  ['ratio', 'Hit ratio'],
  ['conversions', 'Conversions'],
  ['queue', 'Longest wait'],
  ['failures', 'Failures'],
  ['memory', 'Memory'],
  ['stored', 'Stored'],
  ['groups', 'Image groups'],
] as const;

const CHARTS = [
  ['requests', 'Requests a second'],
  ['ratio', 'Hit ratio'],
  ['conversions', 'Conversions a minute'],
  ['queueAgeMs', 'Longest wait'],
  ['failures', 'Failures a minute'],
  ['memoryBytes', 'Memory'],
  ['storedBytes', 'Stored'],
  ['sentBytes', 'Sent a second'],
] as const;

const SECTIONS = [
  ['look-up', 'Look up a picture'],
  ['pictures', 'Pictures'],
  ['failed', 'Failed lately'],
  ['refused', 'Refused sources'],
  ['contexts', 'Contexts'],
  ['work', 'Jobs and deliveries'],
  ['servers', 'Servers'],
] as const;

/** `hasLibrary`: pictures may be those of assets, which are no client's. */
const form = (hasLibrary: boolean): string => `<form id="ask">
<label>Image key <input name="key" required maxlength="256" autocomplete="off" spellcheck="false"></label>
<label>Context <input name="context" maxlength="256" autocomplete="off" spellcheck="false" placeholder="the default one"></label>
<label>Request format <input name="format" maxlength="100" autocomplete="off" spellcheck="false" placeholder="every target format"></label>
${hasLibrary ? '<label class="tick"><input type="checkbox" name="library" value="yes"> in its library</label>' : ''}
<button>Look up</button>
</form>
<div id="found" aria-live="polite"></div>`;

const SORTED = `<fieldset class="pick"><legend>Most</legend>
<label><input type="radio" name="by" value="bytes" checked> bytes</label>
<label><input type="radio" name="by" value="groups"> groups</label></fieldset>`;

/** `base`: from the page to what lies below it, with a slash at its end; `nonce` as in the policy; `hasLibrary`: this server has one. */
export function consolePage(base: string, nonce: string, hasLibrary: boolean): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Proofsheet console</title>
<link rel="icon" href="data:,">
<style>${CONSOLE_STYLE}</style>
<script type="module" nonce="${nonce}" src="${base}app/main.js"></script>
</head>
<body data-base="${base}">
<header>
<h1>Proofsheet</h1>
<p id="state" role="status"><span class="lamp" aria-hidden="true"></span><span id="said">Connecting</span></p>
<p id="about"></p>
<nav aria-label="Sections">${SECTIONS.map(([id, title]) => `<a href="#${id}">${title}</a>`).join('')}</nav>
</header>
<main>
<h2 class="unseen">Now</h2>
<dl class="facts">${FACTS.map(
    ([id, title]) =>
      `<div><dt>${title}</dt><dd id="now-${id}">–</dd><dd class="note" id="note-${id}">&nbsp;</dd></div>`,
  ).join('')}</dl>
<section aria-labelledby="over-time">
<div class="head"><h2 id="over-time">Over time</h2>
<fieldset class="pick"><legend>Show the last</legend>
<label><input type="radio" name="span" value="hour" checked> hour</label>
<label><input type="radio" name="span" value="day"> day</label></fieldset></div>
<div class="charts">${CHARTS.map(
    ([id, title]) =>
      `<figure><figcaption>${title} <b id="last-${id}">–</b></figcaption><svg id="chart-${id}" role="img" aria-label="${title}" viewBox="0 0 360 80" preserveAspectRatio="none"></svg><p class="axis"><span id="from-${id}">&nbsp;</span><span id="top-${id}">&nbsp;</span></p></figure>`,
  ).join('')}</div>
</section>
${SECTIONS.map(
  ([id, title]) =>
    `<section id="${id}" aria-labelledby="title-${id}" tabindex="-1"><div class="head"><h2 id="title-${id}">${title}</h2>${id === 'contexts' ? SORTED : ''}</div>${id === 'look-up' ? form(hasLibrary) : `<div class="body" id="body-${id}"><p class="note">Waiting for figures.</p></div>`}</section>`,
).join('\n')}
<p id="told" role="status" class="note"></p>
</main>
</body>
</html>
`;
}
