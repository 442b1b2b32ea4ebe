// The status page: one self-contained HTML document without scripts, everything in it escaped. Pure.
import { IMAGE_SERVER_ID } from './server-id.js';
import {
  formatBytes,
  formatDuration,
  formatNumber,
  formatShare,
  type Html,
  html,
  type Page,
  pageOf,
  type Row,
  table,
} from './status-html.js';
import { metricRows } from './status-metrics.js';

/** What the page shows. */
export interface StatusReport {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly draining: boolean;
  /** Distinct image keys, image groups, distinct sources. */
  readonly keys: number;
  readonly groups: number;
  readonly sources: number;
  /** Each tier with what it holds, and its limit when it has one. */
  readonly tiers: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly maxBytes?: number;
  }[];
  readonly hits: number;
  readonly misses: number;
  /** Median durations by what was timed, e.g. `getImage`; in ms. */
  readonly medians: readonly { readonly name: string; readonly ms: number }[];
  readonly queues: readonly {
    readonly priority: string;
    readonly depth: number;
    readonly peak: number;
  }[];
  /** Absent where no tenants are configured. */
  readonly library?: LibraryFigures;
  /** Configured limits as texts with their units. */
  readonly limits: readonly { readonly name: string; readonly value: string }[];
}

/** What the library holds and has to do, of all tenants together. */
export interface LibraryFigures {
  readonly assets: number;
  readonly originals: number;
  /** Of originals, which are no part of any tier. */
  readonly bytes: number;
  readonly openImports: number;
  /** Work in the queue by kind; `oldestDueSeconds`: for how long the longest waiting of it is due. */
  readonly queues: readonly {
    readonly kind: string;
    readonly waiting: number;
    readonly delayed: number;
    readonly claimed: number;
    readonly oldestDueSeconds: number;
  }[];
  /** Receivers of webhooks that failed last, and those of them that are not called any more. */
  readonly failingReceivers: number;
  readonly disabledReceivers: number;
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5d6b7e;--line:#dde3ea;--paper:#fff;--ground:#f4f6f9;--accent:#1a5fcc}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf2;--soft:#95a3b8;--line:#2b3546;--paper:#18202c;--ground:#10161f;--accent:#6ea8ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:68rem;margin:0 auto;padding:2rem 1.25rem 4rem}
header{display:flex;flex-wrap:wrap;align-items:baseline;gap:.25rem 1rem;margin-bottom:1.5rem}
h1{font-size:1.6rem;margin:0}
h2{font-size:1rem;margin:0 0 .5rem}
header p{margin:0;color:var(--soft)}
header .id{flex-basis:100%;font-size:.85rem}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:1rem;margin:0 0 1.5rem}
.facts div,section{background:var(--paper);border:1px solid var(--line);border-radius:.6rem;padding:.9rem 1.1rem}
.facts dt{color:var(--soft);font-size:.85rem}
.facts dd{margin:0;font-size:1.5rem;font-variant-numeric:tabular-nums}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:1rem}
section{overflow-x:auto;margin-bottom:1rem}
.columns section{margin:0}
.columns{margin-bottom:1rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem 1rem .3rem 0;border-top:1px solid var(--line);vertical-align:top}
thead th{border-top:0;color:var(--soft);font-weight:500;font-size:.85rem}
th:last-child,td:last-child{padding-right:0}
.figures td+td,.figures th+th{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.figures td:first-child{width:100%}
.texts td:first-child{width:14rem;color:var(--soft)}
td{overflow-wrap:anywhere}
a{color:var(--accent)}
.note{color:var(--soft);font-size:.85rem;margin:.5rem 0 0}
@media(max-width:30rem){main{padding:1.25rem .75rem 3rem}.texts td:first-child{width:8rem}}
`;

/** The page for `report`; with `metricsText` (Prometheus' text format) also the table of all metrics. */
export function statusPage(report: StatusReport, metricsText: string | undefined): Page {
  const body = html`<main>
<header>
<h1>Proofsheet</h1>
<p>version ${report.version} · up for ${formatDuration(report.uptimeSeconds)} · ${report.draining ? 'stopping' : 'serving'}</p>
<p class="id">ImageConverter server id: ${IMAGE_SERVER_ID}</p>
</header>
${facts(report)}
<div class="columns">
${panel('Bytes by tier', figures(['Tier', 'Stored', 'Limit', 'Full'], tierRows(report)))}
${panel('Median durations', figures(['What', 'Median'], medianRows(report)), 'Of all answers of this kind since the start, misses and errors too; estimated from the histograms in /metrics.')}
${panel('Conversion queue', figures(['Priority', 'Waiting now', 'Most ever'], queueRows(report)))}
</div>
${report.library === undefined ? '' : libraryPanels(report.library)}
${panel('Limits', html`<div class="texts">${table(['Limit', 'Value'], limitRows(report))}</div>`)}
${metricsText === undefined ? html`<p><a href="?metrics=yes">All metrics</a></p>` : metricsPanel(metricsText)}
</main>`;
  return pageOf('Proofsheet status', STYLE, body);
}

function facts(report: StatusReport): Html {
  const { keys, groups, sources, hits, misses } = report;
  const all: readonly (readonly [string, string])[] = [
    ['Image keys', formatNumber(keys)],
    ['Image groups', formatNumber(groups)],
    ['Distinct sources', formatNumber(sources)],
    ['Hit ratio', formatShare(hits, hits + misses)],
    ['Hits', formatNumber(hits)],
    ['Misses', formatNumber(misses)],
  ];
  return html`<dl class="facts">${all.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function tierRows(report: StatusReport): readonly Row[] {
  return report.tiers.map(({ name, bytes, maxBytes }) => [
    name,
    formatBytes(bytes),
    maxBytes === undefined ? 'none' : formatBytes(maxBytes),
    maxBytes === undefined ? '–' : formatShare(bytes, maxBytes),
  ]);
}

function medianRows(report: StatusReport): readonly Row[] {
  return report.medians.map(({ name, ms }) => [name, `${formatNumber(ms)} ms`]);
}

function queueRows(report: StatusReport): readonly Row[] {
  return report.queues.map(({ priority, depth, peak }) => [priority, formatNumber(depth), formatNumber(peak)]);
}

function libraryPanels(library: LibraryFigures): Html {
  const { assets, originals, bytes, openImports, queues, failingReceivers, disabledReceivers } = library;
  const holds: readonly Row[] = [
    ['Assets', formatNumber(assets)],
    ['Distinct originals', formatNumber(originals)],
    ['Bytes of originals', formatBytes(bytes)],
    ['Imports that have not ended', formatNumber(openImports)],
    ['Receivers of webhooks that fail', formatNumber(failingReceivers)],
    ['Receivers that are not called any more', formatNumber(disabledReceivers)],
  ];
  const work = queues.map(
    ({ kind, waiting, delayed, claimed, oldestDueSeconds }): Row => [
      kind,
      ...[waiting, delayed, claimed].map(formatNumber),
      formatDuration(oldestDueSeconds),
    ],
  );
  return html`<div class="columns">
${panel('Library', figures(['What', 'Now'], holds), 'Originals are kept whatever the tiers evict, and are no part of their bytes.')}
${panel('Work of the library', figures(['Kind', 'Due', 'Later', 'In hand', 'Due for'], work))}
</div>`;
}

function limitRows(report: StatusReport): readonly Row[] {
  return report.limits.map(({ name, value }) => [name, value]);
}

/** Most label sets never leave 0: left out here, they stand in /metrics. */
function metricsPanel(metricsText: string): Html {
  const rows = metricRows(metricsText)
    .filter(([, value]) => Number(value) !== 0)
    .map(([name = '', value = '']) => [name, shortened(value)]);
  return panel(
    'Metrics',
    figures(['Metric', 'Value'], rows),
    'Figures that are 0, and the buckets of histograms, are left out, and fractions are rounded; /metrics has all.',
  );
}

/** A fraction to as many digits as somebody reads, which leave the name its place in a narrow window. */
function shortened(value: string): string {
  return /^-?\d+\.\d{6,}$/.test(value) ? String(Number(Number(value).toPrecision(6))) : value;
}

/** A table whose first column names and whose others are numbers. */
function figures(head: readonly string[], rows: readonly Row[]): Html {
  return html`<div class="figures">${table(head, rows)}</div>`;
}

function panel(title: string, content: Html, note?: string): Html {
  return html`<section><h2>${title}</h2>${content}${note === undefined ? '' : html`<p class="note">${note}</p>`}</section>`;
}
